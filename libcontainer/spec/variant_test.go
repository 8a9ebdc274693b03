package spec

import (
	"encoding/binary"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// encode writes v as systemd gets it.
func encode(v dbus.Variant) error {
	msg := &dbus.Message{Type: dbus.TypeMethodCall, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/a")), dbus.FieldMember: dbus.MakeVariant("M"),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(v)),
	}, Body: []any{v}}
	return msg.EncodeTo(io.Discard, binary.LittleEndian)
}

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
		{strings.Repeat("[", 32) + "1" + strings.Repeat("]", 32), strings.Repeat("a", 32) + "i", nil},
	} {
		v, err := parseVariant(c.text)
		if err != nil || v.Signature().String() != c.sig || c.want != nil && !reflect.DeepEqual(v.Value(), c.want) {
			t.Errorf("%s: got %v of type %q, %v, want %v of type %q", c.text, v.Value(), v.Signature(), err, c.want, c.sig)
			continue
		}
		if err := encode(v); err != nil {
			t.Errorf("%s: encode: got %v, want no error", c.text, err)
		}
	}
}

// TestParseVariantRefuses: the first line is what the library panics on or never ends with.
func TestParseVariantRefuses(t *testing.T) {
	deep := strings.Repeat("[", 1<<20)
	for _, text := range []string{
		"[1, []]", "{<1>: 2}", "٤", "uint64 ٤", "'a' ٤", deep, strings.ReplaceAll(deep, "[", "<"), strings.Repeat("{1:", 1<<20),
		"", " ", "inactive", "byte 256", "uint16 -1", "int32 1.5", "uint32 'a'", "boolean 1", "-", "'a", `'\u00'`, "b'a", "[", "[1",
		"[1 2]", "[true, 1]", "[]", "{}", "<[]>", "{1}", "{1:2", "<>", "@", "@z 1", "@a{vi} {}", "@as ['a', 1]", "(1, 2)",
	} {
		done := make(chan error, 1)
		go func() {
			_, err := parseVariant(text)
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%.40q: got no error, want one", text)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%.40q: got no answer in a minute, want an error", text)
		}
	}
}

func FuzzParseVariant(f *testing.F) {
	for _, s := range []string{"uint64 5", "{'a': <1>}", "@a{sv} {}", `b'\x41'`, "[[], [1]]", "objectpath '/a'", "'\\u0041'", "1.5e3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := parseVariant(s)
		if err != nil {
			return
		}
		if _, err := dbus.ParseSignature(v.Signature().String()); err != nil {
			t.Errorf("%q: type: got %q and %v of it, want a signature of D-Bus", s, v.Signature(), err)
		}
		encode(v) // refuses, among others, paths and signatures that are none
	})
}
