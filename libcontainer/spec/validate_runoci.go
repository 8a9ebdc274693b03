package spec

import (
	"path/filepath"

	"teu/libcontainer/spec/names"
)

// Annotated reports whether one of the annotations that are switches is on.
func Annotated(annotations map[string]string, key string) bool { return annotations[key] == "1" }

// runOCI checks the annotations of crun's.
func (c *checker) runOCI() {
	for _, key := range [...]string{names.HooksStdout, names.HooksStderr} {
		if path, ok := c.Annotations[key]; ok && !filepath.IsAbs(path) {
			c.bad("annotations"+member(false, key), quote(path), "the absolute path of a file")
		}
	}
	for _, key := range [...]string{names.KeepGroups, names.FailUnknownSyscall} {
		if value, ok := c.Annotations[key]; ok && value != "0" && value != "1" {
			c.bad("annotations"+member(false, key), quote(value), `"0" or "1"`)
		}
	}
	if Annotated(c.Annotations, names.KeepGroups) && c.Process != nil && len(c.Process.User.AdditionalGids) > 0 {
		c.warn("process.user.additionalGids", "groups that are not set, as the annotation "+names.KeepGroups+" keeps the caller's", "one or the other")
	}
}
