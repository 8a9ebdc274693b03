package spec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

// maxNesting is how deep a value may nest: as deep as D-Bus lets arrays (D-Bus specification, "Valid Signatures").
const maxNesting = 32

// parseVariant reads a value of D-Bus in the text form of GVariant (GLib, "GVariant Text Format"), as dbus.ParseVariant does,
// which runc uses. Text on which that library panics or does not come to an end is an error here: config.json may come
// from anybody.
func parseVariant(text string) (v dbus.Variant, err error) {
	if err := checkVariant(text); err != nil {
		return v, err
	}
	defer func() {
		if p := recover(); p != nil { // [1, []] has reflect make a slice of a number
			v, err = dbus.Variant{}, fmt.Errorf("no value of D-Bus: %v", p)
		}
	}()
	if v, err = dbus.ParseVariant(text, dbus.Signature{}); err != nil {
		return dbus.Variant{}, errors.New(strings.TrimPrefix(err.Error(), "dbus: "))
	}
	return v, nil
}

// checkVariant refuses what dbus.ParseVariant has no bound for: nesting, and digits that are not ASCII, at which it stays
// for ever. In quotes everything may stand.
func checkVariant(text string) error {
	var quote byte
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[' || c == '{' || c == '<':
			if depth++; depth > maxNesting {
				return fmt.Errorf("nested deeper than %d", maxNesting)
			}
		case c == ']' || c == '}' || c == '>':
			depth--
		case c >= 0x80:
			return errors.New("a character outside quotes that is not ASCII")
		}
	}
	return nil
}
