package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves the flags among the arguments of a verb before the rest: runc
// takes `kill ID --all`, the flag package stops at the first argument. All after
// "--" stays where it is.
// moved is false when there was nothing to do.
func flagsFirst(flags []cli.Flag, args []string) (out []string, moved bool, err error) {
	var plain []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			plain = append(plain, args[i:]...)
			break
		}
		name, inline, isFlag := flagName(arg)
		if !isFlag {
			plain = append(plain, arg)
			continue
		}
		o := findFlag(flags, name)
		if o == nil {
			return nil, false, unknownFlag(flags, name)
		}
		moved = moved || len(plain) > 0
		out = append(out, arg)
		if o.on == nil && !inline {
			i++
			if i == len(args) {
				return nil, false, missingValue(o)
			}
			out = append(out, args[i])
		}
	}
	return append(out, plain...), moved, nil
}

// flagName takes a flag apart; inline is whether its value is part of it. A single
// dash is no flag.
func flagName(arg string) (name string, inline, isFlag bool) {
	name, found := strings.CutPrefix(arg, "-")
	if !found || name == "" {
		return "", false, false
	}
	name, _, inline = strings.Cut(strings.TrimPrefix(name, "-"), "=")
	return name, inline, true
}

// findFlag is the flag with that name, long or short, or nil.
func findFlag(flags []cli.Flag, name string) *option {
	for _, f := range flags {
		if o, ok := f.(*option); ok && slices.Contains(o.names, name) {
			return o
		}
	}
	if o, ok := cli.HelpFlag.(*option); ok && slices.Contains(o.names, name) {
		return o
	}
	return nil
}
