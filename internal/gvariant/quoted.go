package gvariant

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errUnterminated = errors.New("a string without its closing quote")

// quoted reads a string, or the bytes of a bytestring, whose opening quote is next.
func (p *parser) quoted(octal bool) (string, error) {
	quote := p.s[0]
	p.s = p.s[1:]
	var b strings.Builder
	for p.s != "" {
		c := p.s[0]
		p.s = p.s[1:]
		switch {
		case c == quote:
			if strings.IndexByte(b.String(), 0) >= 0 {
				return "", errors.New("a NUL character in a string")
			}
			return b.String(), nil
		case c != '\\':
			b.WriteByte(c)
		case p.s == "":
			return "", errUnterminated
		default:
			if err := p.escape(&b, octal); err != nil {
				return "", err
			}
		}
	}
	return "", errUnterminated
}

// escape reads what follows a backslash: a character of no meaning stands for itself.
func (p *parser) escape(b *strings.Builder, octal bool) error {
	c := p.s[0]
	switch {
	case octal && c >= '0' && c <= '7':
		n := 1
		for n < min(3, len(p.s)) && p.s[n] >= '0' && p.s[n] <= '7' {
			n++
		}
		v, err := strconv.ParseUint(p.s[:n], 8, 8)
		if err != nil {
			return err
		}
		b.WriteByte(byte(v))
		p.s = p.s[n:]
		return nil
	case !octal && (c == 'u' || c == 'U'):
		n := 5
		if c == 'U' {
			n = 9
		}
		if len(p.s) < n {
			return errUnterminated
		}
		v, err := strconv.ParseUint(p.s[1:n], 16, 32)
		if err != nil || !utf8.ValidRune(rune(v)) {
			return errors.New(`\` + p.s[:n] + " in a string: not a character")
		}
		b.WriteRune(rune(v))
		p.s = p.s[n:]
		return nil
	}
	p.s = p.s[1:]
	if i := strings.IndexByte("abfnrtv", c); i >= 0 {
		c = "\a\b\f\n\r\t\v"[i]
	} else if c == '\n' {
		return nil
	}
	b.WriteByte(c)
	return nil
}
