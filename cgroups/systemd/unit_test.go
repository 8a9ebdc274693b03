package systemd

import (
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		path, id   string
		user       bool
		slice, dir string
	}{
		{"", "web", false, "system.slice", "/system.slice/teu-web.scope"},
		{"", "A_b+c-d.e", false, "system.slice", `/system.slice/teu-A_b\x2bc-d.e.scope`},
		{"", "web", true, "user.slice", "/user.slice/teu-web.scope"},
		{"::web", "x", false, "system.slice", "/system.slice/web.scope"},
		{"::web", "x", true, "user.slice", "/user.slice/web.scope"},
		{"system.slice:docker:1234", "x", false, "system.slice", "/system.slice/docker-1234.scope"},
		{"-.slice:a:b", "x", false, "-.slice", "/a-b.scope"},
		{"a-b-c.slice:cri-containerd:x", "x", false, "a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice/cri-containerd-x.scope"},
		{"kubepods-besteffort-pod1_2_3.slice:crio:4", "x", false, "kubepods-besteffort-pod1_2_3.slice",
			"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2_3.slice/crio-4.scope"},
		{":p:a-b.slice", "x", false, "system.slice", "/a.slice/a-b.slice"}, // a slice is where its name says
		{"a.slice:p:a-b.slice", "x", false, "a.slice", "/a.slice/a-b.slice"},
		{"a.slice:p:b.scope", "x", false, "a.slice", "/a.slice/p-b.scope.scope"},
		{`a.slice:p:b\x2dc`, "x", false, "a.slice", `/a.slice/p-b\x2dc.scope`},
	} {
		u, err := ParsePath(c.path, c.id, c.user)
		if err != nil || u.Slice != c.slice || u.Path() != c.dir || u.User != c.user {
			t.Errorf("%q: got %+v, %s, %v, want slice %s, path %s, user %v", c.path, u, u.Path(), err, c.slice, c.dir, c.user)
		}
		back, err := ParseUnit(u.String())
		if err != nil || *back != u {
			t.Errorf("read %q back: got %+v, %v, want %+v", u.String(), back, err, u)
		}
	}
}

func TestParseBadPath(t *testing.T) {
	for path, want := range map[string]string{
		"/docker/1":                             `want "slice:prefix:name"`,
		"a:b":                                   `want "slice:prefix:name"`,
		"a:b:c:d":                               `want "slice:prefix:name"`,
		"system:a:b":                            "slice",
		".slice:a:b":                            "slice",
		"a--b.slice:a:b":                        "is empty",
		"-a.slice:a:b":                          "is empty",
		"a-.slice:a:b":                          "is empty",
		"a/b.slice:a:b":                         `'/' is not allowed`,
		"../a.slice:a:b":                        `'/' is not allowed`,
		"a b.slice:a:b":                         `' ' is not allowed`,
		"a.slice:a:":                            "name is empty",
		"a.slice::":                             "name is empty",
		"a.slice:a:b/c":                         `'/' is not allowed`,
		"a.slice:/:b":                           `'/' is not allowed`,
		"a.slice:a:b\n":                         `'\n' is not allowed`,
		"a.slice:a:é":                           "is not allowed",
		"a.slice:a:-.slice":                     "want a scope or a slice",
		"a.slice:a:b--c.slice":                  "is empty",
		strings.Repeat("a", 250) + ".slice:a:b": "longer than 255",
		"a.slice:a:" + strings.Repeat("b", 248): "longer than 255",
	} {
		if u, err := ParsePath(path, "x", false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %q", path, u, err, want)
		}
	}
	for _, text := range []string{"", "system", "system a.slice", "root a.slice b.scope", "system a.slice b.service", "system a.slice b c.scope", "user ../x.slice b.scope"} {
		if u, err := ParseUnit(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, u)
		}
	}
}
