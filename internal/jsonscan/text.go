package jsonscan

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Str consumes the string under the cursor and returns its value. Half a surrogate pair is U+FFFD in it, as in encoding/json.
func (s *Scanner) Str() string {
	start := s.Pos + 1
	for i := start; i < len(s.Text); i++ {
		c := s.Text[i]
		if c == '"' {
			s.Pos = i + 1
			return s.Text[start:i]
		}
		if c == '\\' || c < ' ' || c >= utf8.RuneSelf && !s.KeepBytes {
			return s.unescape(start, i)
		}
	}
	s.Fail(len(s.Text), "unexpected end of file in a string")
	return ""
}

// unescape is Str for a string that starts at start and is plain up to i.
func (s *Scanner) unescape(start, i int) string {
	buf := append(make([]byte, 0, 64), s.Text[start:i]...)
	notes := len(s.Notes)
	// note is for what the value would not be told from another by; one of a kind that fills a string is enough.
	note := func(msg string) bool {
		if s.KeepBytes || len(s.Notes) > notes {
			return true
		}
		s.Note(i, msg)
		return !s.Failed()
	}
	for i < len(s.Text) {
		switch c := s.Text[i]; {
		case c == '"':
			s.Pos = i + 1
			return string(buf)
		case c == '\\':
			r, n, msg := escape(s.Text[i:])
			if msg != "" {
				s.Fail(i, msg)
				return ""
			}
			switch {
			case r == 0 && !note("NUL character in a string"):
				return ""
			case r == utf8.RuneError && utf16.IsSurrogate(hex4(s.Text[i:])) && !note(s.Text[i:i+6]+" in a string is half a surrogate pair"):
				return ""
			}
			buf = utf8.AppendRune(buf, r)
			i += n
		case c < ' ':
			s.Fail(i, "control character in a string")
			return ""
		case s.KeepBytes:
			buf = append(buf, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s.Text[i:])
			if r == utf8.RuneError && n == 1 && !note("byte 0x"+strconv.FormatUint(uint64(c), 16)+" in a string is not UTF-8") {
				return ""
			}
			buf = utf8.AppendRune(buf, r)
			i += n
		}
	}
	s.Fail(len(s.Text), "unexpected end of file in a string")
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
