// Package lifecycle holds the rooted twins of the golden tests: they run bundles with the built teu and ask the kernel, from inside
// by the payload and from outside, whether it is as config.json says. A file for each part of config.json, and for each verb.
package lifecycle

import (
	"testing"

	"teu/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }
