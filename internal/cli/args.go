package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves the flags among the arguments of a verb before the rest: runc
// takes `kill ID --all`, the flag package stops at the first argument. What is no
// flag of the verb stays where it is, and so does all after "--".
// moved is false when there was nothing to do.
func flagsFirst(flags []cli.Flag, args []string) (out []string, moved bool) {
	var plain []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			plain = append(plain, args[i:]...)
			break
		}
		known, value := lookupFlag(flags, arg)
		if !known {
			plain = append(plain, arg)
			continue
		}
		moved = moved || len(plain) > 0
		out = append(out, arg)
		if value && i+1 < len(args) {
			i++
			out = append(out, args[i])
		}
	}
	return append(out, plain...), moved
}

// lookupFlag tells whether arg is one of the flags, and whether its value is the
// next argument.
func lookupFlag(flags []cli.Flag, arg string) (known, value bool) {
	name, found := strings.CutPrefix(arg, "-")
	if !found {
		return false, false
	}
	name, _, inline := strings.Cut(strings.TrimPrefix(name, "-"), "=")
	for _, f := range flags {
		if o, ok := f.(*option); ok && slices.Contains(o.names, name) {
			return true, o.on == nil && !inline
		}
	}
	return false, false
}

// wantArgs checks the number of arguments; max < 0 is no bound. As with runc, the
// help of the verb is shown when it is wrong.
func wantArgs(c *cli.Context, min, max int) error {
	n := c.NArg()
	if n >= min && (max < 0 || n <= max) {
		return nil
	}
	how := "exactly " + strconv.Itoa(min)
	switch {
	case max == min:
	case n < min:
		how = "a minimum of " + strconv.Itoa(min)
	default:
		how = "a maximum of " + strconv.Itoa(max)
	}
	return usageError(c, "requires "+how+" argument(s)")
}
