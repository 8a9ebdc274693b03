package spec

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The versions of the specification that are known: all between the two are accepted, and so is, with a warning, what may
// come after them.
const (
	MinVersion = "1.0.0"
	MaxVersion = "1.3.0"
)

// version checks ociVersion (config.md, "Specification version"). A later minor version of 1 is tried: what
// it adds is unknown, and unknown properties are to be ignored.
func (c *checker) version() {
	major, minor, ok := semver(c.Version)
	switch {
	case !ok:
		c.bad("ociVersion", quote(c.Version), `a version as "`+MaxVersion+`"`)
	case major != strconv.Itoa(specs.VersionMajor):
		c.bad("ociVersion", quote(c.Version), "a 1.x version")
	case len(minor) > 1 || minor > strconv.Itoa(specs.VersionMinor):
		c.warn("ociVersion", quote(c.Version), "at most "+MaxVersion+": what later versions add is ignored")
	}
}

// older reads what an older version of the specification meant by something else. Until 1.3.0 the Go type of pids.limit
// was no pointer, so that zero stood for none given, as Podman 4 has it for no limit; since then it is a limit.
func older(s *specs.Spec) {
	if s.Linux == nil || s.Linux.Resources == nil || s.Linux.Resources.Pids == nil {
		return
	}
	_, minor, ok := semver(s.Version)
	if p := s.Linux.Resources.Pids; ok && len(minor) == 1 && minor < "3" && p.Limit != nil && *p.Limit == 0 {
		p.Limit = nil
	}
}

// semver splits a version by the grammar of SemVer 2.0.0, as far as it concerns us.
func semver(s string) (major, minor string, ok bool) {
	core, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(core, "-")
	part := strings.Split(core, ".")
	ok = len(part) == 3 && (!hasBuild || identifiers(build, false)) && (!hasPre || identifiers(pre, true))
	for _, p := range part {
		ok = ok && numeric(p) && (p == "0" || p[0] != '0')
	}
	if !ok {
		return "", "", false
	}
	return part[0], part[1], true
}

// identifiers checks a dotted list of a pre-release, where numbers have no leading zero, or of a build.
func identifiers(s string, pre bool) bool {
	for _, id := range strings.Split(s, ".") {
		if id == "" || pre && numeric(id) && id[0] == '0' && id != "0" {
			return false
		}
		for i := 0; i < len(id); i++ {
			c := id[i]
			if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

func numeric(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
