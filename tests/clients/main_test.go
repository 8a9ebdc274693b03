// Package clients runs teu under the programs that people call it by.
package clients

import (
	"testing"

	"teu/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
