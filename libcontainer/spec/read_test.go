package spec

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func read(t *testing.T, text string) *Reading {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return r
}

// TestReadAll: a value of the wrong type hides none of the others, and is zero.
func TestReadAll(t *testing.T) {
	r := read(t, `{
  "ociVersion": 1,
  "process": {"terminal": "yes", "args": ["a", {"b": [1, "\""]}, "c"], "cwd": "/", "user": {"uid": -1, "gid": 7}, "rlimits": "x"},
  "root": null,
  "root": {"path": 5},
  "mounts": [[], {"options": {"a": 1}, "destination": "/x"}],
  "linux": {"sysctl": {"a": "1", "a": "2", "b": true}, "devices": [{"major": 1e3, "minor": 99999999999999999999}]},
  "hostname": "x\u0000y"
}`)
	want := []string{
		"2:17: ociVersion: want string, got number",
		"3:27: process.terminal: want boolean, got string",
		"3:48: process.args[1]: want string, got object",
		"3:100: process.user.uid: want uint32, got -1",
		"3:126: process.rlimits: want array of objects, got string",
		`5:3: "root" given twice`,
		"6:14: mounts[0]: want object, got array",
		"6:30: mounts[1].options: want array of strings, got object",
		`7:34: linux.sysctl: "a" given twice`,
		"7:49: linux.sysctl.b: want string, got boolean",
		"7:78: linux.devices[0].major: want int64, got 1e3",
		"7:92: linux.devices[0].minor: want int64, got 99999999999999999999",
		"8:17: hostname: NUL character in a string",
	}
	var got []string
	for _, e := range r.Errors {
		got = append(got, strings.TrimPrefix(e.Error(), e.File+":"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("errors:\n got %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s := r.Spec
	if s == nil || s.Process.Cwd != "/" || s.Process.User.GID != 7 || !slices.Equal(s.Process.Args, []string{"a", "", "c"}) ||
		len(s.Mounts) != 2 || s.Mounts[1].Destination != "/x" || s.Version != "" || len(s.Process.Rlimits) > 0 {
		t.Errorf("spec beside the errors: got %+v, want what is right in it (cwd /, gid 7, args a, \"\" and c, a mount at /x) and the rest zero", s)
	}
}

func TestReadStopsWhereItIsNoJSON(t *testing.T) {
	r := read(t, `{"hostname": 1, "process": {"cwd": 2,}, "root": 3}`)
	if len(r.Errors) != 3 || r.Spec != nil || r.Errors[2].Column != 38 {
		t.Errorf("read what is no JSON: got the errors %v and the spec %+v, want 3 errors, the last in column 38, and no spec", r.Errors, r.Spec)
	}
	r = read(t, `{"process": {"args": [`+strings.Repeat("1,", 1000)+`1]}}`)
	if n := len(r.Errors); n != maxNotes+1 || !strings.Contains(r.Errors[n-1].Msg, "there may be more") {
		t.Errorf("read 1001 errors: got %d, the last %v, want %d, the last of them that there may be more", n, r.Errors[n-1], maxNotes+1)
	}
}

func TestReadTellsWhatIsIgnored(t *testing.T) {
	r := read(t, `{"ociVersion":"1.0.0", "windows": {}, "solaris": {"x": 1}, "vm": {}, "zos": {}, "freebsd": {}, "Hostname": "h", "vm ": 1,
"process": {"commandLine": "x", "user": {"username": "y"}, "arg": ["sh"]}, "mounts": [{"destination": "/", "option": []}], "proces": null,
"annotations": {"windows": "x"}}`)
	want := []string{
		"windows: got what is for Windows, want nothing: it is without effect on Linux",
		"solaris: got what is for Solaris, want nothing: it is without effect on Linux",
		"vm: got what is for virtual machines, want nothing: it is without effect on Linux",
		"zos: got what is for z/OS, want nothing: it is without effect on Linux",
		"freebsd: got what is for FreeBSD, want nothing: it is without effect on Linux",
		`Hostname: got a name in another case, want "hostname": it is ignored`,
		`["vm "]: got a name that nobody knows, want one of the specification: it is ignored`,
		"process.commandLine: got what is for Windows, want nothing: it is without effect on Linux",
		"process.user.username: got what is for Windows, want nothing: it is without effect on Linux",
		"process.arg: got a name that nobody knows, want one of the specification: it is ignored",
		"mounts[0].option: got a name that nobody knows, want one of the specification: it is ignored",
	}
	if got := lines(r.Ignored); !slices.Equal(got, want) || len(r.Errors) > 0 {
		t.Errorf("ignored:\n got %s\nwant %s\nerrors: got %v, want none", strings.Join(got, "\n"), strings.Join(want, "\n"), r.Errors)
	}
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(`"x` + strconv.Itoa(i) + `": 1,`)
	}
	if r := read(t, "{"+b.String()+`"hostname":"h"}`); len(r.Ignored) != maxNotes || r.Spec.Hostname != "h" {
		t.Errorf("read 1000 unknown names: got %d ignored and the hostname %q, want %d and h", len(r.Ignored), r.Spec.Hostname, maxNotes)
	}
}
