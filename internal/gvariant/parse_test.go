package gvariant

import (
	"reflect"
	"strings"
	"testing"
)

// show writes a value as its type and what it is, for the table.
func show(v Value) any {
	switch x := v.V.(type) {
	case []Value:
		list := []any{}
		for _, e := range x {
			list = append(list, show(e))
		}
		return list
	case []Entry:
		m := map[any]any{}
		for _, e := range x {
			m[show(e.Key)] = show(e.Value)
		}
		return m
	case Value:
		return show(x)
	}
	return v.V
}

// TestParse: what godbus's ParseVariant makes of the same text, but for tuples, which it does not know.
func TestParse(t *testing.T) {
	list := func(v ...any) []any { return append([]any{}, v...) }
	for _, c := range []struct {
		text, sig string
		want      any
	}{
		{"true", "b", true},
		{"boolean false", "b", false},
		{"5", "i", int32(5)},
		{"-1", "i", int32(-1)},
		{"+5", "i", int32(5)},
		{"0x10", "i", int32(16)},
		{"010", "i", int32(8)},
		{"1e3", "d", 1000.0},
		{"1.", "d", 1.0},
		{"double 1", "d", 1.0},
		{"byte 255", "y", uint8(255)},
		{"int16 -5", "n", int16(-5)},
		{"uint16 5", "q", uint16(5)},
		{"int32 5", "i", int32(5)},
		{" uint32  5 ", "u", uint32(5)},
		{"int64 -5", "x", int64(-5)},
		{"uint64 18446744073709551615", "t", uint64(18446744073709551615)},
		{"@u 7", "u", uint32(7)},
		{"'a'", "s", "a"},
		{`"it's"`, "s", "it's"},
		{`'it\'s\n\u0041\U00000042\q'`, "s", "it's\nABq"},
		{"''", "s", ""},
		{"string 'a'", "s", "a"},
		{"objectpath '/a/b_1'", "o", "/a/b_1"},
		{"objectpath '/'", "o", "/"},
		{"signature 'a{sv}(ii)'", "g", "a{sv}(ii)"},
		{`b'a\142'`, "ay", list(uint8('a'), uint8('b'), uint8(0))},
		{"[1,2.5]", "ad", list(1.0, 2.5)},
		{"[1, uint32 2]", "au", list(uint32(1), uint32(2))},
		{"[@u 7, 1]", "au", list(uint32(7), uint32(1))},
		{"['a', 'b']", "as", list("a", "b")},
		{"['/a', objectpath '/b']", "ao", list("/a", "/b")},
		{"[[1]]", "aai", list(list(int32(1)))},
		{"[[], [1]]", "aai", list(list(), list(int32(1)))},
		{"@as []", "as", list()},
		{"@ai [1]", "ai", list(int32(1))},
		{"{1:2}", "a{ii}", map[any]any{int32(1): int32(2)}},
		{"{'a': <1>, 'b': <'x'>}", "a{sv}", map[any]any{"a": int32(1), "b": "x"}},
		{"@a{sv} {}", "a{sv}", map[any]any{}},
		{"<uint64 1>", "v", uint64(1)},
		{"(1, 'a')", "(is)", list(int32(1), "a")},
		{"(1,)", "(i)", list(int32(1))},
		{"@a(ss) [('/dev/null', 'rwm')]", "a(ss)", list(list("/dev/null", "rwm"))},
		{"[('a', 1), ('b', uint64 2)]", "a(st)", list(list("a", uint64(1)), list("b", uint64(2)))},
	} {
		v, err := Parse(c.text)
		if err != nil || v.Sig != c.sig || !reflect.DeepEqual(show(v), c.want) {
			t.Errorf("%s: %q %#v, %v, want %q %#v", c.text, v.Sig, show(v), err, c.sig, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "nothing", "inf", ".5.", "5 6", "byte 256", "uint16 -1", "int32 1.5", "uint32 'a'", "boolean 1", "handle 1", "-",
		"'a", `"a'`, `'a\`, `'\u00'`, `'\u0000'`, `'\ud800'`, `b'a`, `b'\0'`, "b'\\777'", "[", "[1", "[1 2]", "['a',]", "[true, 1]", "['a', uint32 1]", "[1.5, uint32 1]",
		"[]", "{}", "<[]>", "[[]]", "{1}", "{1:}", "{1:2", "{<1>: 2}x", "<>", "<1, 2>", "()", "(1", "(1,2,)", "@", "@z 1", "@a 1", "@(i 1", "@a{vi} {}", "@a{si 1",
		"@(ss) ('a',)", "@(s) ('a','b')", "@as ['a', 1]", "@u uint64 1", "@I 1", "@* 1", "objectpath 'a'", "objectpath '/a/'", "objectpath '//'", "signature 'a'", "signature 'I'",
		"true false", "@v 1", "[[1], ['a']]", "[(1,), (1, 2)]", "[{1: 2}, [1]]", strings.Repeat("[", 100) + strings.Repeat("]", 100),
	} {
		if v, err := Parse(text); err == nil {
			t.Errorf("%q: %q %#v", text, v.Sig, v.V)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"uint64 5", "{'a': <1>}", "@a(ss) [('a', 'b')]", `b'\1'`, "[[], [1]]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil {
			return
		}
		if one, rest := complete(v.Sig, 0); one == "" || rest != "" || strings.ContainsAny(v.Sig, "IDS*") {
			t.Errorf("%q: type %q", s, v.Sig)
		}
	})
}
