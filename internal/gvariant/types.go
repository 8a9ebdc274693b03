package gvariant

import (
	"fmt"
	"strconv"
	"strings"
)

// Types that a value has before its neighbours say more: those of numbers and strings without a type before them, and of
// the elements of an empty list. They are no letters of D-Bus.
const (
	integer  = "I" // any number
	floating = "D" // a double
	text     = "S" // string, object path, signature
	anything = "*"
)

// complete splits the first complete type off a signature; "" when it does not begin with one.
func complete(sig string, depth int) (first, rest string) {
	if sig == "" || depth > maxDepth {
		return "", sig
	}
	switch c := sig[0]; {
	case strings.IndexByte("ybnqiuxtdsogvIDS*", c) >= 0:
		return sig[:1], sig[1:]
	case c == 'a' && strings.HasPrefix(sig, "a{"):
		key, rest := complete(sig[2:], depth+1)
		value, rest := complete(rest, depth+1)
		if len(key) != 1 || key == "v" || value == "" || !strings.HasPrefix(rest, "}") {
			return "", sig
		}
		n := len(sig) - len(rest) + 1
		return sig[:n], sig[n:]
	case c == 'a':
		elem, rest := complete(sig[1:], depth+1)
		if elem == "" {
			return "", sig
		}
		return sig[:1+len(elem)], rest
	case c == '(':
		rest := sig[1:]
		for {
			var one string
			if one, rest = complete(rest, depth+1); one == "" {
				return "", sig
			}
			if strings.HasPrefix(rest, ")") {
				n := len(sig) - len(rest) + 1
				return sig[:n], sig[n:]
			}
		}
	}
	return "", sig
}

// infer is the type of a node, with the letters above where it leaves something open.
func infer(n *node) (string, error) {
	if n.sig != "" {
		return n.sig, nil
	}
	switch n.kind {
	case boolean:
		return "b", nil
	case number:
		if !strings.HasPrefix(strings.TrimLeft(n.text, "+-"), "0x") && strings.ContainsAny(n.text, ".eE") {
			return floating, nil
		}
		return integer, nil
	case str:
		return text, nil
	case bytestring:
		return "ay", nil
	case variant:
		return "v", nil
	case tuple:
		sig := "("
		for _, kid := range n.kids {
			s, err := infer(kid)
			if err != nil {
				return "", err
			}
			sig += s
		}
		return sig + ")", nil
	}
	step := 1
	sig := [2]string{anything, anything}
	if n.kind == dict {
		step = 2
	}
	for i, kid := range n.kids {
		s, err := infer(kid)
		if err != nil {
			return "", err
		}
		common, ok := unify(sig[i%step], s)
		if !ok {
			return "", fmt.Errorf("a list of type %s with a value of type %s", settle(sig[i%step]), settle(s))
		}
		sig[i%step] = common
	}
	if n.kind == dict {
		return "a{" + sig[0] + sig[1] + "}", nil
	}
	return "a" + sig[0], nil
}

// unify is the type that two values can both have.
func unify(a, b string) (string, bool) {
	switch {
	case a == b || b == anything:
		return a, true
	case a == anything:
		return b, true
	case a == integer && len(b) == 1 && strings.Contains("ynqiuxtdD", b), a == floating && b == "d", a == text && (b == "o" || b == "g" || b == "s"):
		return b, true
	case len(a) == 1 && (len(b) > 1 || !strings.Contains("IDS", b)), len(a) > 1 && len(b) == 1, a[0] != b[0] && len(a) > 1:
		return "", false
	case len(a) == 1:
		if strings.Contains("IDS", a) && b != integer {
			return "", false
		}
		return unify(b, a)
	}
	// Two containers: a dictionary is an array of {, whose members are those of a tuple.
	out := a[:1]
	for a, b = a[1:], b[1:]; a != ""; {
		if strings.IndexByte("{})", a[0]) >= 0 {
			if b == "" || a[0] != b[0] {
				return "", false
			}
			out += a[:1]
			a, b = a[1:], b[1:]
			continue
		}
		one, restA := complete(a, 0)
		other, restB := complete(b, 0)
		if one == "" || other == "" {
			return "", false
		}
		common, ok := unify(one, other)
		if !ok {
			return "", false
		}
		out += common
		a, b = restA, restB
	}
	return out, b == ""
}

// settle gives what nothing has said more about its usual type.
func settle(sig string) string {
	return strings.NewReplacer(integer, "i", floating, "d", text, "s").Replace(sig)
}

// build makes the value of a node of type sig.
func build(n *node, sig string) (v Value, err error) {
	v.Sig = sig
	no := func() (Value, error) { return Value{}, fmt.Errorf("%s, want a value of type %s", n, sig) }
	switch {
	case n.sig != "" && n.sig != sig:
		return no()
	case n.kind == variant:
		return buildVariant(n, sig)
	case n.kind == boolean && sig == "b":
		v.V = n.text == "true"
	case n.kind == number:
		if v.V, err = buildNumber(n.text, sig); err != nil {
			return no()
		}
	case n.kind == str && sig == "s":
		v.V = n.text
	case n.kind == str && sig == "o" && objectPath(n.text), n.kind == str && sig == "g" && signature(n.text):
		v.V = n.text
	case n.kind == bytestring && sig == "ay":
		list := []Value{}
		for _, c := range []byte(n.text + "\x00") { // it is a C string
			list = append(list, Value{"y", c})
		}
		v.V = list
	case n.kind == array && sig[0] == 'a' && sig[1] != '{', n.kind == tuple && sig[0] == '(', n.kind == dict && strings.HasPrefix(sig, "a{"):
		return buildList(n, sig)
	default:
		return no()
	}
	return v, nil
}

// buildList makes the members of a list; their types are those inside sig, again and again for an array or a dictionary.
func buildList(n *node, sig string) (Value, error) {
	inner := sig[1:]
	switch n.kind {
	case dict:
		inner = sig[2 : len(sig)-1]
	case tuple:
		inner = sig[1 : len(sig)-1]
	}
	list, rest := []Value{}, inner
	for _, kid := range n.kids {
		if rest == "" && n.kind != tuple {
			rest = inner
		}
		var one string
		if one, rest = complete(rest, 0); one == "" {
			return Value{}, fmt.Errorf("%s, want a value of type %s", n, sig)
		}
		v, err := build(kid, one)
		if err != nil {
			return Value{}, err
		}
		list = append(list, v)
	}
	if rest != "" && n.kind == tuple {
		return Value{}, fmt.Errorf("%s, want a value of type %s", n, sig)
	}
	if n.kind != dict {
		return Value{sig, list}, nil
	}
	entries := []Entry{}
	for i := 0; i < len(list); i += 2 {
		entries = append(entries, Entry{list[i], list[i+1]})
	}
	return Value{sig, entries}, nil
}

// buildVariant: what is in a variant has a type of its own.
func buildVariant(n *node, sig string) (Value, error) {
	if sig != "v" {
		return Value{}, fmt.Errorf("%s, want a value of type %s", n, sig)
	}
	inner, err := infer(n.kids[0])
	if err != nil {
		return Value{}, err
	}
	if inner = settle(inner); strings.Contains(inner, anything) {
		return Value{}, fmt.Errorf("%s: an empty list, and nothing says of what", n)
	}
	v, err := build(n.kids[0], inner)
	return Value{sig, v}, err
}

// buildNumber reads a number, 0x before a hexadecimal and 0 before an octal one.
func buildNumber(text, sig string) (any, error) {
	switch sig {
	case "y":
		n, err := strconv.ParseUint(text, 0, 8)
		return uint8(n), err
	case "n":
		n, err := strconv.ParseInt(text, 0, 16)
		return int16(n), err
	case "q":
		n, err := strconv.ParseUint(text, 0, 16)
		return uint16(n), err
	case "i":
		n, err := strconv.ParseInt(text, 0, 32)
		return int32(n), err
	case "u":
		n, err := strconv.ParseUint(text, 0, 32)
		return uint32(n), err
	case "x":
		return strconv.ParseInt(text, 0, 64)
	case "t":
		return strconv.ParseUint(text, 0, 64)
	case "d":
		return strconv.ParseFloat(text, 64)
	}
	return nil, strconv.ErrSyntax
}

// String shows a node in an error.
func (n *node) String() string {
	switch n.kind {
	case boolean, number:
		return n.text
	case str:
		return strconv.Quote(n.text)
	case bytestring:
		return "a bytestring"
	case array:
		return "an array"
	case tuple:
		return "a tuple"
	case dict:
		return "a dictionary"
	}
	return "a variant"
}

// objectPath: D-Bus specification, "Valid Object Paths".
func objectPath(s string) bool {
	if s == "/" {
		return true
	}
	rest, ok := strings.CutPrefix(s, "/")
	for part := range strings.SplitSeq(rest, "/") {
		ok = ok && part != "" && strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
	}
	return ok
}

// signature: any number of complete types, 255 bytes at most.
func signature(s string) bool {
	ok := len(s) <= 255 && !strings.ContainsAny(s, "IDS*")
	for s != "" && ok {
		var one string
		one, s = complete(s, 0)
		ok = one != ""
	}
	return ok
}
