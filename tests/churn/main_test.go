package churn

import (
	"testing"

	"teu/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }
