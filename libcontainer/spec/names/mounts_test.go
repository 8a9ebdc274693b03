package names

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestIsBind(t *testing.T) {
	for _, c := range []struct {
		m    specs.Mount
		want bool
	}{
		{specs.Mount{}, false},
		{specs.Mount{Type: "tmpfs", Options: []string{"ro"}}, false},
		{specs.Mount{Type: "rbind"}, false},
		{specs.Mount{Type: "none", Options: []string{"bind=1", "BIND", "nobind"}}, false},
		{specs.Mount{Type: "bind"}, true},
		{specs.Mount{Options: []string{"ro", "bind"}}, true},
		{specs.Mount{Type: "tmpfs", Options: []string{"rbind"}}, true},
		{specs.Mount{Options: []string{"remount", "bind"}}, true},
	} {
		if got := IsBind(&c.m); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.m, got, c.want)
		}
	}
}

// TestOptions: an entry is a list with commas, of which some belong to a value.
func TestOptions(t *testing.T) {
	for list, want := range map[string][]string{
		"":                        {""},
		"ro":                      {"ro"},
		"size=1m,mode=700":        {"size=1m", "mode=700"},
		"ro,size=1m,":             {"ro", "size=1m", ""},
		",,a":                     {"", "", "a"},
		`lowerdir=/a\,b:/c,x`:     {`lowerdir=/a\,b:/c`, "x"},
		`lowerdir=/a\\,upperdir=`: {`lowerdir=/a\\`, "upperdir="},
		`a\`:                      {`a\`},
		`context="s0:c1,c2",ro`:   {`context="s0:c1,c2"`, "ro"},
		`context="a","b,c"`:       {`context="a"`, `"b`, `c"`},
		`context="s0:c1,c2`:       {`context="s0:c1`, "c2"},
		`dir=/a"b,ro,dir=/c"d`:    {`dir=/a"b`, "ro", `dir=/c"d`},
		"mpol=bind:0,2,size=1":    {"mpol=bind:0,2", "size=1"},
		"size=1,mpol=bind:0-1,3":  {"size=1", "mpol=bind:0-1,3"},
		"gid=5,6":                 {"gid=5", "6"},
	} {
		m := specs.Mount{Options: []string{"first", list, "last"}}
		var got []string
		for i, opt := range Options(&m) {
			if i == 1 {
				got = append(got, opt)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", list, got, want)
		}
	}
}

func TestPlainOption(t *testing.T) {
	for _, c := range []struct{ fstype, opt, want string }{
		{"tmpfs", "ro", "ro"},
		{"tmpfs", `context="u:r:t:s0:c1,c2"`, "context=u:r:t:s0:c1,c2"},
		{"overlay", `context="u:r:t:s0:c1,c2"`, "context=u:r:t:s0:c1,c2"},
		{"tmpfs", `a="`, `a="`},
		{"tmpfs", `"a"`, `"a"`},
		{"ext4", `journal_path=/a\,b\c`, `journal_path=/a,b\c`},
		{"overlay", `lowerdir=/a\,b\:c`, `lowerdir=/a\,b\:c`},
	} {
		if got := PlainOption(c.fstype, c.opt); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.opt, c.fstype, got, c.want)
		}
	}
}
