package lifecycle

import (
	"testing"

	"teu/tests/kit"
)

func TestZZ(t *testing.T) {
	b := kit.New(t, kit.Args("sleep", "forever"))
	b.Start()
	for range 300 {
		b.OK("exec", "-d", b.ID, kit.PayloadPath, "true")
	}
}
