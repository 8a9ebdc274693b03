package rootfs

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// TestLayers: a list of lower layers that is too long for fsconfig(2) is passed on one by one.
func TestLayers(t *testing.T) {
	a, b := "/"+strings.Repeat("a", 199), "/"+strings.Repeat("b", 199)
	for _, c := range []struct{ list, want []string }{
		{[]string{"lowerdir=/a:/b", "upperdir=/u"}, []string{"lowerdir=/a:/b", "upperdir=/u"}},
		{[]string{"lowerdir=" + a[:127] + ":" + b[:127]}, []string{"lowerdir=" + a[:127] + ":" + b[:127]}},
		{[]string{"index=on", "lowerdir=" + a + ":" + b, "upperdir=/u"}, []string{"index=on", "lowerdir+=" + a, "lowerdir+=" + b, "upperdir=/u"}},
		{[]string{"lowerdir=/c:" + a + `\:b\\:` + b + "::/d::/e"}, []string{"lowerdir+=/c", "lowerdir+=" + a + `:b\`, "lowerdir+=" + b, "datadir+=/d", "datadir+=/e"}},
		{[]string{"index=on,lowerdir=/a\\,b:" + a + ":" + b + ",upperdir=/u"}, []string{"index=on", "lowerdir+=/a,b", "lowerdir+=" + a, "lowerdir+=" + b, "upperdir=/u"}},
		{[]string{"lowerdir=" + a + a[:50] + `\`}, []string{"lowerdir=" + a + a[:50] + `\`}},
	} {
		fs, ok := NewFilesystem(&specs.Spec{}, &specs.Mount{Type: "overlay", Source: a + b, Options: c.list})
		if !ok || !slices.Equal(fs.Options, c.want) || fs.Source != "" {
			t.Errorf("%q: got %+v, %v, want the options %q and no source", c.list, fs, ok, c.want)
		}
	}
}

// TestLongOptions: what fsconfig(2) takes no more of is said so, with its place.
func TestLongOptions(t *testing.T) {
	fits, long := "/"+strings.Repeat("a", 254), "/"+strings.Repeat("a", 255)
	for _, c := range []struct {
		fstype, option string
		ok             bool
	}{
		{"overlay", "upperdir=" + fits, true},
		{"overlay", "upperdir=" + long, false},
		{"overlay", "lowerdir=" + fits + ":" + fits, true},
		{"overlay", "lowerdir=" + fits + ":" + long, false},
		{"tmpfs", "lowerdir=" + fits + ":" + fits, false},
		{"bind", "size=" + long, true},
		{"tmpfs", "x-own=" + long, true},
	} {
		_, err := optionsOf(&specs.Mount{Type: c.fstype, Options: []string{"ro", c.option}})
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, syscall.ENAMETOOLONG) || !strings.HasPrefix(err.Error(), "options[1]: a value of more than 255 bytes: ")) {
			t.Errorf("%s on a %s: got error %v, want none: %v, else ENAMETOOLONG of options[1]", c.option, c.fstype, err, c.ok)
		}
	}
}
