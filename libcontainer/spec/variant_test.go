package spec

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func TestParseVariant(t *testing.T) {
	for _, c := range []struct {
		text, sig string
		want      any
	}{
		{"true", "b", true},
		{"boolean false", "b", false},
		{"5", "i", int32(5)},
		{"-1", "i", int32(-1)},
		{"0x10", "i", int32(16)},
		{"010", "i", int32(8)},
		{"1.5", "d", 1.5},
		{"@d 1", "d", 1.0},
		{"byte 255", "y", uint8(255)},
		{"int16 -5", "n", int16(-5)},
		{"uint16 5", "q", uint16(5)},
		{"int32 5", "i", int32(5)},
		{" uint32  5 ", "u", uint32(5)},
		{"int64 -5", "x", int64(-5)},
		{"uint64 18446744073709551615", "t", uint64(18446744073709551615)},
		{"'a'", "s", "a"},
		{`"it's [[["`, "s", "it's [[["},
		{`'it\'s é \u0041'`, "s", "it's é A"},
		{"objectpath '/a'", "o", dbus.ObjectPath("/a")},
		{"b'ab'", "ay", []byte("ab\x00")},
		{"[byte 1, 2]", "ay", []byte{1, 2}},
		{"['a', 'b']", "as", []string{"a", "b"}},
		{"@as []", "as", []string{}},
		{"[[1]]", "aai", [][]int32{{1}}},
		{"{'a': 1}", "a{si}", map[string]int32{"a": 1}},
		{"{'a': <1>}", "a{sv}", map[string]dbus.Variant{"a": dbus.MakeVariant(int32(1))}},
		{"<uint64 1>", "v", dbus.MakeVariant(uint64(1))},
		{"{'a': [1]}", "a{sai}", map[string][]int32{"a": {1}}},
		{"[{1: 1}, {2: 2}]", "aa{ii}", []map[int32]int32{{1: 1}, {2: 2}}},
		{"@g 'a{sv}'", "g", dbus.ParseSignatureMust("a{sv}")},
		{"signature ''", "g", dbus.Signature{}},
		{strings.Repeat("[", maxNesting) + "1" + strings.Repeat("]", maxNesting), strings.Repeat("a", maxNesting) + "i", nil},
		{"'" + strings.Repeat("é", maxVariant/2-1) + "'", "s", nil},
	} {
		v, rest, err := parseVariant(c.text)
		if err != nil || v.Signature().String() != c.sig || c.want != nil && !reflect.DeepEqual(v.Value(), c.want) {
			t.Errorf("%s: got %v of type %q, %v, want %v of type %q", c.text, v.Value(), v.Signature(), err, c.want, c.sig)
			continue
		}
		if rest != "" {
			t.Errorf("%s: behind the value: got %q, want nothing", c.text, rest)
		}
	}
}

// TestParseVariantRest: what stands behind a value is told, and does not change it.
func TestParseVariantRest(t *testing.T) {
	for _, c := range []struct{ text, value, rest string }{
		{"5,6", "5", ",6"}, {"5 6", "5", "6"}, {"09", "0", "9"}, {"0x1F g", "0x1F", "g"}, {"1.5e-3-1", "1.5e-3", "-1"}, {"+5 \t", "+5", ""},
		{" uint32  5 , x", "uint32 5", ", x"}, {"'a' 'b'", "'a'", "'b'"}, {`'a\' b' c`, `'a\' b'`, "c"}, {"b'a''b'", "b'a'", "'b'"},
		{"[1, 2] ]", "[1, 2]", "]"}, {"{'}': 1}}", "{'}': 1}", "}"}, {"<1><2>", "<1>", "<2>"}, {"@a{sv} {}{}", "@a{sv} {}", "{}"},
		{"[@as []] x", "[@as []]", "x"}, {"truetrue", "true", "true"}, {"false, true", "false", ", true"}, {"boolean true\n", "true", ""},
	} {
		want, _, err := parseVariant(c.value)
		if err != nil {
			t.Fatalf("%q: got %v, want no error", c.value, err)
		}
		if v, rest, err := parseVariant(c.text); err != nil || !reflect.DeepEqual(v, want) || rest != c.rest {
			t.Errorf("%q: got %v, behind it %q, %v, want %v, behind it %q", c.text, v, rest, err, want, c.rest)
		}
	}
}

// costly is what takes the library much time or memory: types in number, and a text that an error quotes again and again.
var costly = []string{
	"{1:{1:{1:{1:{1:{1:{1:{1:1}}}}}}}}", "{{{{{{{{1:1}:1}:1}:1}:1}:1}:1}:1}", "{1:<{1:<{1:1}>}>}", "{1:[{1:[{1:[{1:1}]}]}]}",
	"[['a'],[" + strings.Repeat("1,", 40<<10) + "1]]",
}

// TestParseVariantRefuses: the first line is what the library panics on or never ends with, the last what no message carries.
func TestParseVariantRefuses(t *testing.T) {
	deep := strings.Repeat("[", 1<<20)
	for _, text := range append(costly,
		"[1, []]", "{<1>: 2}", "٤", "uint64 ٤", "'a' ٤", deep, strings.ReplaceAll(deep, "[", "<"), strings.Repeat("{1:", 1<<20),
		"", " ", "inactive", "byte 256", "uint16 -1", "int32 1.5", "uint32 'a'", "boolean 1", "-", "'a", `'\u00'`, "b'a", "[", "[1",
		"[1 2]", "[true, 1]", "[]", "{}", "<[]>", "{1}", "{1:2", "<>", "@", "@z 1", "@a{vi} {}", "@as ['a', 1]", "(1, 2)",
		strings.Repeat("[", maxNesting+1)+"1"+strings.Repeat("]", maxNesting+1), "'"+strings.Repeat("a", maxVariant-1)+"'",
		`'a\U00000000b'`, `['', '\u0000']`, `{'\u0000': 1}`, `<'\u0000'>`, "@o 'not a path'", "[objectpath '']", "<@o 'a'>", "@g '(('", "@ag ['i', 'a']",
		"{@g 'x': 1}", "{1: @g 'a'}", "<<@g ')'>>", "signature '"+strings.Repeat("i", 256)+"'", "[@"+strings.Repeat("a", 32)+"i []]",
	) {
		if err := within(t, text); err == nil {
			t.Errorf("%.40q: got no error, want one", text)
		}
	}
}

// within is parseVariant, with a time limit.
func within(t *testing.T, text string) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, _, err := parseVariant(text)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		panic(fmt.Sprintf("%.80q: no answer in 10 seconds", text)) // or it takes all memory
	}
}

// TestParseVariantTakesLittle: whatever fits the bounds takes a tenth of a second, or more on a machine with other work, and some megabytes.
func TestParseVariantTakesLittle(t *testing.T) {
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (maxVariant-len(before)-len(after))/len(unit)) + after
	}
	deep := func(open, inner, shut string) string {
		return strings.Repeat(open, maxNesting-1) + inner + strings.Repeat(shut, maxNesting-1)
	}
	for _, text := range []string{
		fill("[['a'],[", "1,", "1]]"), fill("[", "1,", "1]"), fill("['a',", "1,", "1]"), fill("[", "[],", "[]]"), fill("[", "[[],[]],", "[]]"),
		fill("{", "1:1,", "1:1}"), fill("[", "{1:1},", "{1:1}]"), fill("[", "{1:'a'},", "{1:1}]"), fill("{", "[]:[],", "[]:[]}"), fill("[", "{},", "{}]"),
		fill("[", "[{1:1}],", "[{1:1}]]"), fill("[", deep("[", "1", "]")+",", "1]"), fill(deep("[", "", ""), "{1:1},", "{1:1}"+deep("", "", "]")),
		fill(deep("[", "", ""), "[],", "[]"+deep("", "", "]")), fill("[", "<[[1]]>,", "<1>]"), fill("{", "1:[[[[[[1]]]]]],", "1:[[[[[[1]]]]]]}"),
		fill("{", "[[[[[[1]]]]]]:1,", "1:1}"), fill("[", deep("<", "1", ">")+",", "<1>]"), deep("[", "{[[1]]:1}", "]"), fill("", "[", ""), fill("", "@as ", ""),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		within(t, text)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		t.Logf("%.30q: %v, %d KiB", text, took, (after.TotalAlloc-before.TotalAlloc)>>10)
		if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 5*time.Second || mib > 64 {
			t.Errorf("%.40q: got %v and %d MiB, want at most 5 seconds and 64 MiB", text, took, mib)
		}
	}
}

func FuzzParseVariant(f *testing.F) {
	for _, s := range append(costly, "uint64 5", "{'a': <1>}", "@a{sv} {}", `b'\x41'`, "[[], [1]]", "objectpath '/a'", "'\\u0041'", "1.5e3", "09",
		"@g '(('", "@a{sv} {}{", "[@as []]5", "'a''b'", "[1]]") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if within(t, s) != nil {
			return
		}
		v, rest, _ := parseVariant(s)
		if err := sendable(v); err != nil {
			t.Errorf("%q: got a value that cannot be sent: %v", s, err)
		}
		// No text gives a NaN, which would not equal itself.
		if whole, err := dbus.ParseVariant(s, dbus.Signature{}); err != nil || !reflect.DeepEqual(v, whole) {
			t.Errorf("%q: got %v, behind it %q, want %v, %v, of the whole text", s, v, rest, whole, err)
		}
	})
}
