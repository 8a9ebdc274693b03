package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"teu/libcontainer"
)

var update = flag.Bool("update", false, "write the man pages and completions anew")

// pages is where what `make install` installs beside the binary is kept.
const pages = "../../docs/man/"

// page is a verb as its man page and the completions need it.
type page struct {
	name, usage, args, description string
	flags                          []*option
}

func allPages() (global []*option, list []page) {
	inv := &invocation{connect: func(*libcontainer.Runtime) containers { return nil }}
	inv.global.root = defaultRoot
	global = options(inv.global.flags())
	for i := range verbs {
		c := verbs[i].build(inv)
		args, about, _ := strings.Cut(c.ArgsUsage, "\n")
		if c.UsageText != "" {
			args = strings.TrimPrefix(c.UsageText, "teu "+verbs[i].name+" [command options] ")
		}
		description := strings.TrimSpace(strings.TrimSpace(about) + "\n\n" + c.Description)
		list = append(list, page{verbs[i].name, verbs[i].usage, strings.TrimSpace(args), description, options(c.Flags)})
	}
	return global, list
}

// options are the flags that are shown.
func options(list []cli.Flag) (out []*option) {
	for _, f := range list {
		if o, ok := f.(*option); ok && !o.hidden {
			out = append(out, o)
		}
	}
	return out
}

// TestPages: the man pages and completions that are installed are those of the flags that there are.
func TestPages(t *testing.T) {
	global, list := allPages()
	want := map[string]string{
		"teu.8":    topPage(global, list),
		"teu.bash": bashCompletion(global, list),
		"teu.zsh":  zshCompletion(global, list),
		"teu.fish": fishCompletion(global, list),
	}
	for i := range list {
		want["teu-"+list[i].name+".8"] = verbPage(&list[i])
	}
	for name, text := range want {
		if *update {
			if err := os.WriteFile(pages+name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(pages + name)
		if err != nil || string(have) != text {
			t.Errorf("docs/man/%s is not what the flags say (%v): run `make man`", name, err)
		}
	}
	files, err := filepath.Glob(pages + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := want[filepath.Base(f)]; !ok {
			t.Errorf("%s: of no verb", f)
		}
	}
}

// TestPagesAreRead: the formatter of man(1) and the shells find no fault with them.
func TestPagesAreRead(t *testing.T) {
	for _, c := range []struct {
		pattern string
		args    []string
	}{
		{"*.8", []string{"groff", "-man", "-Tutf8", "-ww", "-z"}},
		{"*.bash", []string{"bash", "-n"}},
		{"*.zsh", []string{"zsh", "-n"}},
		{"*.fish", []string{"fish", "-n"}},
	} {
		files, err := filepath.Glob(pages + c.pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files: %v", c.pattern, err)
		}
		if _, err := osexec.LookPath(c.args[0]); err != nil {
			t.Logf("%s is not checked: %v", c.pattern, err)
			continue
		}
		out, err := osexec.Command(c.args[0], append(c.args[1:], files...)...).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", c.args[0], err, out)
		}
	}
}

// roff escapes a text for man(7).
func roff(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	s = strings.ReplaceAll(s, "-", `\-`)
	var b strings.Builder
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			b.WriteString(`\&`)
		}
		b.WriteString(line)
	}
	return b.String()
}

func head(b *bytes.Buffer, name, usage string) {
	fmt.Fprintf(b, ".\\\" Made by `make man` from the flags of the command line.\n.TH %s 8 \"\" teu \"System Manager's Manual\"\n", strings.ToUpper(roff(name)))
	fmt.Fprintf(b, ".SH NAME\n%s \\- %s\n", roff(name), roff(usage))
}

func flagList(b *bytes.Buffer, flags []*option) {
	for _, o := range flags {
		names, about, _ := strings.Cut(o.String(), "\t")
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR\n%s\n", roff(names), roff(about))
	}
}

// paragraphs keeps indented lines as they are.
func paragraphs(b *bytes.Buffer, text string) {
	literal := false
	for line := range strings.Lines(text + "\n") {
		indented := strings.HasPrefix(line, "   ")
		if indented != literal {
			b.WriteString(map[bool]string{true: ".PP\n.nf\n", false: ".fi\n"}[indented])
			literal = indented
		}
		if line == "\n" {
			line = ".PP\n"
		} else {
			line = roff(line)
		}
		b.WriteString(line)
	}
	if literal {
		b.WriteString(".fi\n")
	}
}

func verbPage(p *page) string {
	var b bytes.Buffer
	head(&b, "teu-"+p.name, p.usage)
	fmt.Fprintf(&b, ".SH SYNOPSIS\n\\fBteu %s\\fR", p.name)
	if len(p.flags) > 0 {
		b.WriteString(" [\\fIoption\\fR ...]")
	}
	if p.args != "" {
		b.WriteString(" " + roff(p.args))
	}
	b.WriteByte('\n')
	if p.description != "" {
		b.WriteString(".SH DESCRIPTION\n")
		paragraphs(&b, p.description)
	}
	if len(p.flags) > 0 {
		b.WriteString(".SH OPTIONS\n")
		flagList(&b, p.flags)
	}
	b.WriteString(".SH EXIT STATUS\n" + roff(exitStatus(p.name)) + "\n.SH SEE ALSO\n.BR teu (8)\n")
	return b.String()
}

func exitStatus(verb string) string {
	switch verb {
	case "run":
		return "That of the container's process; 128 and its number when a signal ended it; 1 when the container could not be made."
	case "exec":
		return "That of the process; 128 and its number when a signal ended it; 255 when it could not be started."
	}
	return "0, or 1 when it did not succeed; the error is logged."
}

func topPage(global []*option, list []page) string {
	var b bytes.Buffer
	head(&b, "teu", "run containers from OCI bundles")
	b.WriteString(".SH SYNOPSIS\n\\fBteu\\fR [\\fIglobal option\\fR ...] \\fIcommand\\fR [\\fIoption\\fR ...] [\\fIargument\\fR ...]\n.SH DESCRIPTION\n")
	_, about, _ := strings.Cut(usage, "\n\n")
	paragraphs(&b, about)
	b.WriteString(".SH COMMANDS\n")
	for i := range list {
		fmt.Fprintf(&b, ".TP\n.BR teu\\-%s (8)\n%s\n", list[i].name, roff(list[i].usage))
	}
	b.WriteString(".SH GLOBAL OPTIONS\n")
	flagList(&b, global)
	b.WriteString(".SH FILES\n.TP\n\\fI/run/teu\\fR\nrecords of containers, when \\-\\-root names no other directory\n.SH SEE ALSO\n")
	for i := range list {
		fmt.Fprintf(&b, ".BR teu\\-%s (8)%s\n", list[i].name, map[bool]string{true: "", false: ","}[i == len(list)-1])
	}
	return b.String()
}

// takesID are the verbs whose argument is a container that there is.
func takesID(verb string) bool {
	return !slices.Contains([]string{"create", "run", "spec", "features", "list", "validate"}, verb)
}

func longNames(flags []*option) string {
	var names []string
	for _, o := range flags {
		names = append(names, "--"+o.names[0])
	}
	return strings.Join(names, " ")
}

func bashCompletion(global []*option, list []page) string {
	var b bytes.Buffer
	b.WriteString(`# bash completion for teu. Made by ` + "`make man`" + ` from the flags of the command line.
_teu() {
	local cur=${COMP_WORDS[COMP_CWORD]} verb= word i
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
`)
	fmt.Fprintf(&b, "\t\t%s)\n\t\t\ti=$((i + 1)) ;;\n", strings.Join(withValue(global), " | "))
	b.WriteString("\t\t-*) ;;\n\t\t*)\n\t\t\tverb=$word\n\t\t\tbreak ;;\n\t\tesac\n\tdone\n\tcase $verb in\n")
	var names []string
	for i := range list {
		p := &list[i]
		names = append(names, p.name)
		ids := ""
		if takesID(p.name) {
			ids = " $([[ $cur == -* ]] || teu list --quiet 2>/dev/null)"
		}
		fmt.Fprintf(&b, "\t%s) COMPREPLY=($(compgen -W \"%s%s\" -- \"$cur\")) ;;\n", p.name, longNames(p.flags), ids)
	}
	fmt.Fprintf(&b, "\t'') COMPREPLY=($(compgen -W \"%s %s\" -- \"$cur\")) ;;\n\tesac\n}\ncomplete -o default -F _teu teu\n", longNames(global), strings.Join(names, " "))
	return b.String()
}

// withValue are the flags after which a value comes as an argument of its own.
func withValue(flags []*option) (out []string) {
	for _, o := range flags {
		if o.on == nil {
			out = append(out, "--"+o.names[0])
		}
	}
	return out
}

func zshCompletion(global []*option, list []page) string {
	quote := func(s string) string {
		return strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
	}
	specs := func(flags []*option) string {
		var b strings.Builder
		for _, o := range flags {
			value := ""
			if o.on == nil {
				value = ":value:_files"
			}
			fmt.Fprintf(&b, " \\\n\t\t\t'--%s[%s]%s'", o.names[0], quote(o.usage), value)
		}
		return b.String()
	}
	var b bytes.Buffer
	b.WriteString("#compdef teu\n# zsh completion for teu. Made by `make man` from the flags of the command line.\n")
	b.WriteString("_teu_containers() { compadd -- ${(f)\"$(teu list --quiet 2>/dev/null)\"} }\n_teu() {\n\tlocal state line\n\t_arguments -C" + specs(global) + " \\\n\t\t\t'1:command:->command' '*::argument:->argument'\n\tcase $state in\n\tcommand)\n\t\t_values command")
	for i := range list {
		fmt.Fprintf(&b, " \\\n\t\t\t'%s[%s]'", list[i].name, quote(list[i].usage))
	}
	b.WriteString(" ;;\n\targument)\n\t\tcase $line[1] in\n")
	for i := range list {
		rest := "*:file:_files"
		if takesID(list[i].name) {
			rest = "*:container:_teu_containers"
		}
		fmt.Fprintf(&b, "\t\t%s) _arguments%s '%s' ;;\n", list[i].name, specs(list[i].flags), rest)
	}
	b.WriteString("\t\tesac ;;\n\tesac\n}\n_teu \"$@\"\n")
	return b.String()
}

func fishCompletion(global []*option, list []page) string {
	quote := func(s string) string { return strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) }
	var b bytes.Buffer
	b.WriteString("# fish completion for teu. Made by `make man` from the flags of the command line.\n")
	line := func(condition string, o *option) {
		value := ""
		if o.on == nil {
			value = " -r"
		}
		fmt.Fprintf(&b, "complete -c teu -n '%s' -l %s%s -d '%s'\n", condition, o.names[0], value, quote(o.usage))
	}
	for _, o := range global {
		line("__fish_use_subcommand", o)
	}
	for i := range list {
		p := &list[i]
		fmt.Fprintf(&b, "complete -c teu -f -n '__fish_use_subcommand' -a %s -d '%s'\n", p.name, quote(p.usage))
		condition := "__fish_seen_subcommand_from " + p.name
		for _, o := range p.flags {
			line(condition, o)
		}
		if takesID(p.name) {
			fmt.Fprintf(&b, "complete -c teu -f -n '%s' -a '(teu list --quiet 2>/dev/null)'\n", condition)
		}
	}
	return b.String()
}
