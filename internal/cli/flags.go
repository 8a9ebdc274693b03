package cli

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// option is a flag that writes straight into the options of a verb. The flag types
// of the library look up each name again and again, through a regular expression:
// with them, parsing one command line takes 200 µs of a process of two
// milliseconds, with these 40.
type option struct {
	names  []string // the long one first
	value  string   // what stands for the value in the help, as DIR; or the values, as table|json
	usage  string
	preset string // default value, for the help
	hidden bool
	on     *bool // of a flag without a value
	store  func(string) error
	given  bool
	fault  error // why the given value is invalid
}

func text(p *string, value, usage string, names ...string) *option {
	return &option{names: names, value: value, usage: usage, preset: *p, store: func(s string) error {
		*p = s
		return nil
	}}
}

// choice takes one of the values, which are separated by |.
func choice(p *string, values, usage string, names ...string) *option {
	o := text(p, values, usage, names...)
	o.store = func(s string) error {
		list := strings.Split(values, "|")
		if !slices.Contains(list, s) {
			last := len(list) - 1
			return errors.New("want " + strings.Join(list[:last], ", ") + " or " + list[last])
		}
		*p = s
		return nil
	}
	return o
}

// natural is a number that is not negative.
func natural(p *int, value, usage string, names ...string) *option {
	return &option{names: names, value: value, usage: usage, preset: strconv.Itoa(*p), store: func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return errors.New("want a number, 0 or more")
		}
		*p = n
		return nil
	}}
}

// duration is greater than 0.
func duration(p *time.Duration, value, usage string, names ...string) *option {
	return &option{names: names, value: value, usage: usage, preset: p.String(), store: func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			return errors.New("want a time above 0 with its unit, such as 500ms or 5s")
		}
		*p = d
		return nil
	}}
}

// texts may be given more than once; a comma is part of a value.
func texts(p *[]string, value, usage string, names ...string) *option {
	return &option{names: names, value: value, usage: usage, store: func(s string) error {
		*p = append(*p, s)
		return nil
	}}
}

// numbers may be given more than once.
func numbers(p *[]int, value, usage string, names ...string) *option {
	return &option{names: names, value: value, usage: usage, store: func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil {
			return errors.New("want a number")
		}
		*p = append(*p, n)
		return nil
	}}
}

func toggle(p *bool, usage string, names ...string) *option {
	return &option{names: names, usage: usage, on: p, store: func(s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("want true or false")
		}
		*p = b
		return nil
	}}
}

// libraryFlag replaces a flag of the library by one of ours, once: the library keeps
// it in a help command that is shared by all apps.
func libraryFlag(f *cli.Flag, usage string, names ...string) {
	if o, ours := (*f).(*option); ours {
		*o.on = false
		return
	}
	*f = toggle(new(bool), usage, names...)
}

// Apply is part of cli.Flag: it defines the flag by all its names.
func (o *option) Apply(set *flag.FlagSet) error {
	for _, n := range o.names {
		set.Var(setter{o}, n, "")
	}
	return nil
}

// Names is part of cli.Flag. The other names share one value, so there is nothing
// that the library would have to keep in step.
func (o *option) Names() []string { return o.names[:1] }

// IsSet is part of cli.Flag.
func (o *option) IsSet() bool { return o.given }

// IsVisible is part of cli.VisibleFlag.
func (o *option) IsVisible() bool { return !o.hidden }

// String is part of cli.Flag. The library does not ask for it, since the help is made
// in help.go.
func (o *option) String() string { return o.synopsis() }

// synopsis has all names and the value: "-b, --bundle DIR".
func (o *option) synopsis() string {
	s := strings.Join(dashed(o.names), ", ")
	if o.on == nil {
		s += " " + o.value
	}
	return s
}

// dashed are the names with their dashes, short ones first.
func dashed(names []string) (out []string) {
	for _, n := range names {
		if len(n) == 1 {
			out = slices.Insert(out, 0, "-"+n)
		} else {
			out = append(out, "--"+n)
		}
	}
	return out
}

// meaning is the usage with the default value.
func (o *option) meaning() string {
	if o.preset == "" || o.on != nil {
		return o.usage
	}
	return o.usage + " (default: " + o.preset + ")"
}

// setter is the option as a flag.Value.
type setter struct{ *option }

// String tells the library whether --help and --version were given; the rest is
// never asked for.
func (v setter) String() string {
	if v.option == nil || v.on == nil || !*v.on {
		return ""
	}
	return "true"
}

// Set stores a value. The flag package turns an error into text of its own, so the
// option keeps it for flagError.
func (v setter) Set(s string) error {
	v.given = true
	err := v.store(s)
	if err != nil {
		if s == "" || strings.ContainsAny(s, " \t\n\"") {
			s = strconv.Quote(s)
		}
		v.fault = fmt.Errorf("--%s %s: %w", v.names[0], s, err)
	}
	return err
}

// IsBoolFlag tells the flag package not to take the next argument for a value.
func (v setter) IsBoolFlag() bool { return v.on != nil }
