package results

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for name, c := range map[string]struct {
		events string
		want   Row
	}{
		"of each": {`
{"Action":"start"}
{"Action":"run","Test":"TestA"}
{"Action":"output","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"run","Test":"TestA/sub"}
{"Action":"output","Test":"TestA/sub","Output":"    a_test.go:7: no memory controller\n"}
{"Action":"output","Test":"TestA/sub","Output":"    --- SKIP: TestA/sub (0.00s)\n"}
{"Action":"skip","Test":"TestA/sub"}
{"Action":"run","Test":"TestA/other"}
{"Action":"pass","Test":"TestA/other"}
{"Action":"pass","Test":"TestA"}
{"Action":"run","Test":"TestB"}
{"Action":"output","Test":"TestB","Output":"    b_test.go:1: 1, want 2\n"}
{"Action":"fail","Test":"TestB"}
{"Action":"output","Output":"FAIL\n"}
{"Action":"fail"}`,
			Row{Passed: 1, Failed: 1, Skipped: 1, Skips: []Skip{{"TestA/sub", "no memory controller"}}, Trouble: "    b_test.go:1: 1, want 2\n"}},
		"a subtest fails": {`
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/sub"}
{"Action":"output","Package":"p","Test":"TestA/sub","Output":"    a_test.go:7: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestA/sub"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p"}`,
			Row{Failed: 1, Trouble: "    a_test.go:7: wrong\n--- FAIL: TestA (0.00s)\n"}},
		"a test with subtests fails by itself": {`
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			Row{Passed: 1, Failed: 1, Trouble: "    a_test.go:7: wrong\n"}},
		"something is left": {`
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"left by the suite: mount /x\n"}
{"Action":"fail","Package":"p"}`,
			Row{Passed: 1, Failed: 1, Trouble: "left by the suite: mount /x\n"}},
		"a package without tests beside one that has some": {`
{"Action":"skip","Package":"q"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			Row{Passed: 1}},
		"it does not build": {"{\"ImportPath\":\"p\",\"Action\":\"build-output\",\"Output\":\"undefined: x\\n\"}\n{\"Action\":\"fail\",\"Package\":\"p\"}", Row{Failed: 1, Trouble: "undefined: x\n"}},
		"no test":           {`{"Action":"output","Output":"kit: no teu\n"}`, Row{Failed: 1, Trouble: "kit: no teu\n"}},
		"no event":          {"no Go files", Row{Failed: 1, Trouble: "no Go files"}},
		"no reason":         {`{"Action":"skip","Test":"TestA"}`, Row{Failed: 1, Trouble: "TestA: skipped without a reason\n"}},
	} {
		got, err := Count(strings.NewReader(c.events), nil)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestPrint(t *testing.T) {
	rows := []Row{
		{Suite: "a", Passed: 3, Skipped: 2, Took: 9 * time.Second, Skips: []Skip{{"TestA", "no disk"}, {"TestB", "no disk"}}},
		{Suite: "longer", Passed: 4, Failed: 1, Took: 700 * time.Millisecond},
	}
	var b bytes.Buffer
	sum := Print(&b, rows)
	const want = `
a: skipped:
  no disk (TestA, TestB)

suite   passed  failed  skipped  seconds
a       3       0       2        9
longer  4       1       0        1
`
	if got := b.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if sum.Passed != 7 || sum.Failed != 1 || sum.Skipped != 2 {
		t.Errorf("got %+v, want 7, 1 and 2", sum)
	}
}
