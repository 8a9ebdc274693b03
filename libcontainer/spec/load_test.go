package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{\n \"process\": {\n  \"args\": 5\n }\n}", "c:3:11: process.args: want array of strings, got number"},
		{`{"process":{"args":["a",true]}}`, "c:1:25: process.args[1]: want string, got boolean"},
		{`{"process":{"user":{"uid":-1}}}`, "c:1:27: process.user.uid: want uint32, got -1"},
		{`{"process":{"user":{"uid":"0"}}}`, "c:1:27: process.user.uid: want uint32, got string"},
		{`{"process":{"terminal":0}}`, "c:1:24: process.terminal: want boolean, got number"},
		{`{"process":"sh"}`, "c:1:12: process: want object, got string"},
		{
			`{"mounts":[{"destination":"/a"},{"destination":["/b"]}]}`,
			"c:1:48: mounts[1].destination: want string, got array",
		},
		{`{"mounts":[5]}`, "c:1:12: mounts[0]: want object, got number"},
		{`{"mounts":{}}`, "c:1:11: mounts: want array of objects, got object"},
		{`{"annotations":{"org.x":5}}`, `c:1:25: annotations["org.x"]: want string, got number`},
		{`{"annotations":{"x":"1","y":"2","x":"3"}}`, `c:1:33: annotations: "x" given twice`},
		{`{"root":{"path":"a","path":"b"}}`, `c:1:21: root: "path" given twice`},
		{
			`{"linux":{"namespaces":[{"type":"pid"},{"type":null,"path":{}}]}}`,
			"c:1:60: linux.namespaces[1].path: want string, got object",
		},
		{`{"linux":{"devices":[{"major":1.5}]}}`, "c:1:31: linux.devices[0].major: want int64, got 1.5"},
		{`{"hostname":"é","domainname":"` + "\x01" + `"}`, "c:1:31: domainname: control character in a string"},
		{`{"hostname":"a\u0000b"}`, "c:1:15: hostname: NUL character in a string"},
		{"{\n\"root\":{\"path\":\"é\xff\xfe\"}}", "c:2:18: root.path: byte 0xff in a string is not UTF-8"},
		{"{\"x\":[\"\xe9\"]}", "c:1:8: x[0]: byte 0xe9 in a string is not UTF-8"},
		{"{\"annotations\":{\"\xe9\":\"\"}}", "c:1:18: annotations: byte 0xe9 in a string is not UTF-8"},
		{`{"root":{"path":"\ud83d"}}`, `c:1:18: root.path: \ud83d in a string is half a surrogate pair`},
		{
			`{"hostname":"a\qb"}`,
			`c:1:15: hostname: unknown escape in a string, want one of \" \\ \/ \b \f \n \r \t \uXXXX`,
		},
		{`{"hostname":"a\u00"}`, `c:1:15: hostname: want four hexadecimal digits after \u`},
		{"{\n\"process\": {\"args\": [\"sh\"", "c:2:26: process.args[0]: unexpected end of file, want \",\" or \"]\""},
		{`{"hostname":"ab`, "c:1:16: hostname: unexpected end of file in a string"},
		{`{"hostname":"a" "b"`, `c:1:17: hostname: want "," or "}", got '"'`},
		{`{"hostname":"a",}`, `c:1:17: want a name in double quotes, got '}'`},
		{`{"hostname"}`, `c:1:12: hostname: want ":", got '}'`},
		{`{"hostname":tru}`, `c:1:13: hostname: want string, got boolean (and 1 more)`},
		{`{"hostname":1,"process":{"args":["a",{},"b"]},"root":{"path":"a","path":[1]}}`, `c:1:13: hostname: want string, got number (and 2 more)`},
		{`{"x":tru}`, `c:1:6: x: want a JSON value, got 't'`},
		{`{"x":'a'}`, `c:1:6: x: want a JSON value, got '\''`},
		{`{"x":-}`, `c:1:7: x: want a digit, got '}'`},
		{`[]`, "c:1:1: want object, got array"},
		{`null`, "c:1:1: want object, got null"},
		{`hello`, "c:1:1: want object, got 'h'"},
		{"", "c:1:1: the file is empty"},
		{" \n ", "c:2:2: the file is empty"},
		{"\ufeff{}", "c:1:1: the file begins with a byte order mark, want UTF-8 without one"},
		{"{}\n{}", "c:2:1: unexpected text after the end of the object"},
		{"{} //", "c:1:4: unexpected text after the end of the object"},
		{`{"linux":{"sysctl":{"":1}}}`, `c:1:24: linux.sysctl[""]: want string, got number`},
		{`{"process":{"user":{"uid":` + strings.Repeat("9", 100) + `}}}`,
			"c:1:27: process.user.uid: want uint32, got " + strings.Repeat("9", 40) + "…"},
	} {
		_, err := Decode("c", []byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("decode %s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, ConfigFile)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fails := func(want string, errno syscall.Errno) {
		t.Helper()
		_, err := Load(dir)
		if err == nil || err.Error() != want || errno != 0 && !errors.Is(err, errno) {
			t.Errorf("load: got error %v, want %s (errno %d, any if 0)", err, want, errno)
		}
	}
	fails("open "+file+": no such file or directory", syscall.ENOENT)
	write(`{"ociVersion":5}`)
	fails(file+":1:15: ociVersion: want string, got number", 0)

	want := Example(false)
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatalf("marshal the example: %v", err)
	}
	write(string(text))
	t.Chdir(dir)
	for _, bundle := range []string{dir, dir + "/", ".", ""} {
		got, err := Load(bundle)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("load %q: got %+v, %v, want %+v", bundle, got, err, want)
		}
	}
	if err := os.Rename(file, file+".real"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("config.json.real", file); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err != nil {
		t.Errorf("load through a symbolic link: got error %v, want none", err)
	}

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	fails("read "+file+": is a directory", syscall.EISDIR)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatalf("make the FIFO %s: %v", file, err)
	}
	fails("read "+file+": not a regular file: invalid argument", syscall.EINVAL)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	write("{}")
	if err := os.Truncate(file, MaxSize+1); err != nil {
		t.Fatal(err)
	}
	fails("read "+file+": file too large", syscall.EFBIG)
	if _, err := Decode("c", make([]byte, MaxSize+1)); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("decode more than %d bytes: got error %v, want EFBIG", MaxSize, err)
	}
	if _, err := Load(filepath.Join(dir, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load a bundle that is not there: got error %v, want %v", err, fs.ErrNotExist)
	}
}

// TestOlderVersions: a pids.limit of 0 is none before runtime-spec 1.3.0.
func TestOlderVersions(t *testing.T) {
	for _, c := range []struct {
		version string
		limit   int64
		none    bool
	}{
		{"1.0.2-dev", 0, true}, {"1.2.1", 0, true}, {"1.2.1", 1, false}, {"1.2.1", -1, false},
		{"1.3.0-rc.1", 0, false}, {"1.3.0", 0, false}, {"1.10.0", 0, false}, {"1", 0, false},
	} {
		text := fmt.Sprintf(`{"ociVersion":%q,"linux":{"resources":{"pids":{"limit":%d}}}}`, c.version, c.limit)
		s, err := Decode("config.json", []byte(text))
		if err != nil {
			t.Fatalf("decode %s: %v", text, err)
		}
		if l := s.Linux.Resources.Pids.Limit; (l == nil) != c.none {
			t.Errorf("%s: the limit is none: got %v, want %v", text, l == nil, c.none)
		} else if l != nil && *l != c.limit {
			t.Errorf("%s: limit: got %d, want %d", text, *l, c.limit)
		}
	}
}

func TestLoadProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "process.json")
	if err := os.WriteFile(file, []byte(`{"args":["a"],"cwd":"/"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _, err := LoadProcess(file)
	if err != nil || !reflect.DeepEqual(p, &specs.Process{Args: []string{"a"}, Cwd: "/"}) {
		t.Errorf("load a process: got %+v, %v, want the args [a] and the cwd /", p, err)
	}
	if _, _, err := LoadProcess(file + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load a process from a file that is not there: got error %v, want %v", err, fs.ErrNotExist)
	}
}

// TestLoadFromPipe: what the caller names may be anything that can be read, to its end, but not for ever.
func TestLoadFromPipe(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatalf("make the FIFO %s: %v", fifo, err)
	}
	long := strings.Repeat(" ", 100_000) // more than a pipe holds
	given := func(text string) {
		go func() {
			if err := os.WriteFile(fifo, []byte(text), 0); err != nil && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("write the FIFO: %v", err)
			}
		}()
	}
	given(`{"args":["a"],` + long + `"cwd":"/"}`)
	p, _, err := LoadProcess(fifo)
	if err != nil || !reflect.DeepEqual(p, &specs.Process{Args: []string{"a"}, Cwd: "/"}) {
		t.Errorf("load a process from a FIFO: got %+v, %v, want the args [a] and the cwd /", p, err)
	}
	given(`{"pids":` + long + `{"limit":7}}`)
	if r, _, err := LoadGivenResources(fifo); err != nil || r.Pids == nil || r.Pids.Limit == nil || *r.Pids.Limit != 7 {
		t.Errorf("load resources from a FIFO: got %+v, %v, want a pids.limit of 7", r, err)
	}
	for name, want := range map[string]syscall.Errno{"/dev/zero": syscall.EFBIG, filepath.Dir(fifo): syscall.EISDIR} {
		if _, _, err := LoadProcess(name); !errors.Is(err, want) {
			t.Errorf("load a process from %s: got error %v, want %v", name, err, want)
		}
		if _, _, err := LoadGivenResources(name); !errors.Is(err, want) {
			t.Errorf("load resources from %s: got error %v, want %v", name, err, want)
		}
	}
	if _, _, err := LoadProcess("/dev/null"); err == nil || err.Error() != "/dev/null:1:1: the file is empty" {
		t.Errorf("load a process from /dev/null: got error %v, want that it is empty", err)
	}
	if _, err := LoadResources(fifo); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("load resources that teu has recorded from a FIFO: got error %v, want %v at once", err, syscall.EINVAL)
	}
}

func BenchmarkDecode(b *testing.B) {
	text, err := json.MarshalIndent(Example(false), "", "\t")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("teu", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode("config.json", text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			var s specs.Spec
			if err := json.Unmarshal(text, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestDeepNestingIsSaidInAFewWords(t *testing.T) {
	_, err := Decode("c", []byte(`{"x":`+strings.Repeat("[", 20000)))
	want := "c:1:10005: x" + strings.Repeat("[0]", 67) + "…: nested deeper than 10000"
	if err == nil || err.Error() != want {
		t.Errorf("decode 20000 arrays in each other: got error %.300v, want %s", err, want)
	}
}
