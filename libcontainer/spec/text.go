package spec

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text consumes the string under the cursor and returns its value. As in encoding/json, bytes that are not
// UTF-8 and lone surrogates become U+FFFD; other than there, a NUL is refused: all strings of a config end as
// C strings, where it would cut them short.
func (d *decoder) text() string {
	start := d.i + 1
	for i := start; i < len(d.s); i++ {
		c := d.s[i]
		if c == '"' {
			d.i = i + 1
			return d.s[start:i]
		}
		if c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			return d.unescape(start, i)
		}
	}
	d.fail(len(d.s), "unexpected end of file in a string")
	return ""
}

// unescape is text for a string that starts at start and is plain up to i.
func (d *decoder) unescape(start, i int) string {
	buf := append(make([]byte, 0, 64), d.s[start:i]...)
	for i < len(d.s) {
		switch c := d.s[i]; {
		case c == '"':
			d.i = i + 1
			return string(buf)
		case c == '\\':
			r, n, msg := escape(d.s[i:])
			if msg != "" {
				d.fail(i, msg)
				return ""
			}
			if r == 0 {
				d.note(i, "NUL character in a string")
			}
			buf = utf8.AppendRune(buf, r)
			i += n
		case c < ' ':
			d.fail(i, "control character in a string")
			return ""
		default:
			r, n := utf8.DecodeRuneInString(d.s[i:])
			buf = utf8.AppendRune(buf, r)
			i += n
		}
	}
	d.fail(len(d.s), "unexpected end of file in a string")
	return ""
}

// escape decodes the escape sequence that s starts with: its rune and length, or what is wrong with it.
func escape(s string) (r rune, n int, msg string) {
	if len(s) < 2 {
		return 0, 0, "unexpected end of file in a string"
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2, ""
	case 'b':
		return '\b', 2, ""
	case 'f':
		return '\f', 2, ""
	case 'n':
		return '\n', 2, ""
	case 'r':
		return '\r', 2, ""
	case 't':
		return '\t', 2, ""
	case 'u':
	default:
		return 0, 0, `unknown escape in a string, want one of \" \\ \/ \b \f \n \r \t \uXXXX`
	}
	r = hex4(s)
	switch {
	case r < 0:
		return 0, 0, `want four hexadecimal digits after \u`
	case utf16.IsSurrogate(r):
		if low := utf16.DecodeRune(r, hex4(s[6:])); low != utf8.RuneError {
			return low, 12, ""
		}
		return utf8.RuneError, 6, ""
	}
	return r, 6, ""
}

// hex4 is the value of a \uXXXX at the start of s, -1 if there is none.
func hex4(s string) (r rune) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	for i := 2; i < 6; i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
