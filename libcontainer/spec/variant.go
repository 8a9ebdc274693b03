package spec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	// maxVariant is how long the text of a value may be, in bytes: the library takes time and memory with its square.
	maxVariant = 4 << 10
	// maxNesting is how deep a value may nest. No property of systemd goes deeper than an array of arrays.
	maxNesting = 8
)

// parseVariant reads a value of D-Bus in the text form of GVariant (GLib, "GVariant Text Format"), as dbus.ParseVariant does,
// which runc uses; rest is the text behind the value, which that ignores. Text on which the library panics, does not come to
// an end, or takes much time or memory is an error here, since config.json may come from anybody; so is a value that no
// message can carry.
func parseVariant(text string) (v dbus.Variant, rest string, err error) {
	if err := checkVariant(text); err != nil {
		return v, "", err
	}
	defer func() {
		if p := recover(); p != nil { // [1, []] has reflect make a slice of a number
			v, rest, err = dbus.Variant{}, "", fmt.Errorf("no value of D-Bus: %v", p)
		}
	}()
	end := valueEnd(text)
	v, err = dbus.ParseVariant(text[:end], dbus.Signature{})
	if err == nil {
		err = sendable(v)
	}
	if err != nil {
		return dbus.Variant{}, "", errors.New(strings.TrimPrefix(err.Error(), "dbus: "))
	}
	return v, strings.TrimSpace(text[end:]), nil
}

// checkVariant refuses what dbus.ParseVariant has no bound for: length; nesting, and dicts in dicts above all, for each of
// which it makes eight times the types that it tries; and digits that are not ASCII, at which it stays for ever. In quotes
// everything may stand.
func checkVariant(text string) error {
	if len(text) > maxVariant {
		return fmt.Errorf("%d bytes, more than %d", len(text), maxVariant)
	}
	var open []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\'', '"':
			i += quoted(text[i:]) - 1
		case '[', '{', '<':
			if c == '{' && slices.Contains(open, c) {
				return errors.New("a dict in a dict")
			}
			if open = append(open, c); len(open) > maxNesting {
				return fmt.Errorf("nested deeper than %d", maxNesting)
			}
		case ']', '}', '>':
			open = open[:max(len(open)-1, 0)]
		default:
			if c >= 0x80 {
				return errors.New("a character outside quotes that is not ASCII")
			}
		}
	}
	return nil
}

// valueEnd is where the first value of the text ends, in the words of dbus.ParseVariant: 5 in "5 6" and "5,6". Text that
// is none ends where it ends.
func valueEnd(text string) int {
	for i, depth := 0, 0; i < len(text); {
		n, whole := 1, true
		switch c := text[i]; {
		case strings.IndexByte(" \t\n\v\f\r", c) >= 0:
			whole = false
		case c == '\'' || c == '"':
			n = quoted(text[i:])
		case c == 'b' && i+1 < len(text) && (text[i+1] == '\'' || text[i+1] == '"'):
			n = 1 + quoted(text[i+1:])
		case c == '[' || c == '{' || c == '<':
			depth++
		case c == ']' || c == '}' || c == '>':
			depth--
		case c == ',' || c == ':':
			whole = false
		case c >= '0' && c <= '9' || c == '+' || c == '-':
			n = number(text[i:])
		case strings.HasPrefix(text[i:], "true"):
			n = len("true")
		case strings.HasPrefix(text[i:], "false"):
			n = len("false")
		default: // a type, which goes on to the next space
			whole = false
			if n = strings.IndexAny(text[i:], " \t\n\v\f\r"); n < 0 {
				return len(text)
			}
		}
		i += n
		if whole && depth <= 0 {
			return i
		}
	}
	return len(text)
}

// quoted is the length of the string with which s begins.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}

// number is the length of the number with which s begins: 09 is 0, and a 9 that is not looked at. A letter behind a number
// is part of it, and wrong.
func number(s string) int {
	i := 0
	one := func(set string) bool {
		ok := i < len(s) && strings.IndexByte(set, s[i]) >= 0
		if ok {
			i++
		}
		return ok
	}
	one("+-")
	digits := "0123456789"
	if one("0") {
		digits = digits[:8]
		if one("x") {
			digits = "0123456789abcdefABCDEF"
		}
	}
	for one(digits) {
	}
	if one(".") {
		for one(digits) {
		}
	}
	if one("eE") {
		one("+-")
		for one("0123456789") {
		}
	}
	if i < len(s) && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z') {
		i++
	}
	return i
}

// sendable says why systemd cannot be sent v: strings with a NUL, paths and signatures that are none (D-Bus specification,
// "Marshaling").
func sendable(v dbus.Variant) error {
	if err := checkSignatures(reflect.ValueOf(v)); err != nil {
		return err
	}
	msg := &dbus.Message{Type: dbus.TypeMethodCall, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/")), dbus.FieldMember: dbus.MakeVariant("Set"),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(v)),
	}, Body: []any{v}}
	return msg.EncodeTo(io.Discard, binary.LittleEndian)
}

// checkSignatures checks the signatures in v, those that are values and those of variants, which the library does not when
// it writes them.
func checkSignatures(v reflect.Value) error {
	switch value := v.Interface().(type) {
	case dbus.Signature:
		if _, err := dbus.ParseSignature(value.String()); err != nil {
			return errors.New("no signature: " + strconv.Quote(value.String()))
		}
		return nil
	case dbus.Variant:
		if err := checkSignatures(reflect.ValueOf(value.Signature())); err != nil {
			return err
		}
		return checkSignatures(reflect.ValueOf(value.Value()))
	}
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkSignatures(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			for _, v := range [...]reflect.Value{entry.Key(), entry.Value()} {
				if err := checkSignatures(v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
