package libcontainer

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestResourceParts: each member of linux.resources is in one part.
func TestResourceParts(t *testing.T) {
	var r specs.LinuxResources
	v := reflect.ValueOf(&r).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		case reflect.Map:
			f.Set(reflect.MakeMap(f.Type()))
		}
	}
	var joined specs.LinuxResources
	for _, part := range partsOf(&r) {
		p := reflect.ValueOf(part)
		for i := range p.NumField() {
			if !p.Field(i).IsNil() {
				reflect.ValueOf(&joined).Elem().Field(i).Set(p.Field(i))
			}
		}
	}
	if !reflect.DeepEqual(joined, r) {
		t.Errorf("parts of the resources, joined: got %+v, want %+v", joined, r)
	}
}

// TestValidateBundle: what is of the wrong type hides nothing but itself.
func TestValidateBundle(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/rootfs", 0o755); err != nil {
		t.Fatal(err)
	}
	text := `{"ociVersion": 1, "root": {"path": "rootfs"}, "process": {"args": ["sh"], "cwd": "tmp", "user": {"uid": "root"}, "usr": {}},
"mounts": [{"destination": "/a", "type": "tmpfs", "source": 1}, {"destination": 2}], "windows": {},
"linux": {"namespaces": [{"type": "mount"}], "resources": {"memory": {"swappiness": 101}, "devices": [{"access": "rwx"}], "pids": {"limit": "many"}}}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	v, err := (&Runtime{}).Validate(dir)
	if err != nil {
		t.Fatalf("validate: %v", err)
	}
	var got []string
	for _, e := range v.Errors {
		got = append(got, e.Pointer())
	}
	for _, p := range v.Problems {
		got = append(got, p.Pointer())
	}
	for _, p := range v.Warnings {
		got = append(got, "warning "+p.Pointer())
	}
	want := []string{
		"/ociVersion", "/process/user/uid", "/mounts/0/source", "/mounts/1/destination", "/linux/resources/pids/limit",
		"/process/cwd", "/mounts/1/type", "/linux/resources/devices/0/access", "/linux/resources/memory/swappiness", "warning /process/usr", "warning /windows",
	}
	if v.OK() || !slices.Equal(got, want) {
		t.Errorf("validate: got OK %v and\n%s\nwant false and\n%s", v.OK(), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestPlaced: a name in quotes may hold what otherwise ends the place.
func TestPlaced(t *testing.T) {
	for message, want := range map[string]string{
		`linux.resources.pids.limit: 1: no`:        "linux.resources.pids.limit",
		`linux.resources.unified["../x"]: not one`: `linux.resources.unified["../x"]`,
		`linux.resources.rdma["a: b"].x: not one`:  `linux.resources.rdma["a: b"].x`,
		`open /a["b"]: not found`:                  "",
		`read x: got ["a"]: no`:                    "",
	} {
		if p := placed(message); p.Path != want || p.Path != "" && p.Path+": "+p.Found != message {
			t.Errorf("%s: got the path %q and found %q, want the path %q, and the message of both", message, p.Path, p.Found, want)
		}
	}
}
