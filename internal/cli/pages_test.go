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
)

var update = flag.Bool("update", false, "write the man pages and completions anew")

// pages is where what `make install` installs beside the binary is kept.
const pages = "../../docs/man/"

// page is a verb with the flags that its man page and the completions show.
type page struct {
	*verb
	flags []*option
}

func allPages() (top []*option, list []page) {
	newApp(new(invocation)) // it replaces cli.HelpFlag and cli.VersionFlag
	top = options(append(new(global).flags(), cli.HelpFlag, cli.VersionFlag))
	for _, v := range verbs {
		flags, _ := v.build(new(invocation))
		list = append(list, page{v, options(append(flags, cli.HelpFlag))})
	}
	return top, list
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
			t.Errorf("docs/man/%s: got another text (%v), want what the flags say: run `make man`", name, err)
		}
	}
	files, err := filepath.Glob(pages + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := want[filepath.Base(f)]; !ok {
			t.Errorf("%s: got no verb of that name, want one", f)
		}
	}
}

// TestPagesHaveTheirSections: in the order of man-pages(7).
func TestPagesHaveTheirSections(t *testing.T) {
	files, err := filepath.Glob(pages + "*.8")
	if err != nil || len(files) != len(verbs)+1 {
		t.Fatalf("man pages: got %d, %v, want %d", len(files), err, len(verbs)+1)
	}
	order := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "FILES", "EXAMPLES", "SEE ALSO"}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for line := range strings.Lines(string(text)) {
			if heading, ok := strings.CutPrefix(line, ".SH "); ok {
				got = append(got, strings.TrimSpace(heading))
			}
		}
		for _, h := range order {
			if slices.Contains(got, h) || !slices.Contains([]string{"COMMANDS", "FILES", "EXAMPLES"}, h) {
				want = append(want, h)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("sections of %s: got %q, want %q", filepath.Base(f), got, want)
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
			t.Fatalf("files %s: got none, %v, want some", c.pattern, err)
		}
		if _, err := osexec.LookPath(c.args[0]); err != nil {
			t.Logf("%s is not checked: %v", c.pattern, err)
			continue
		}
		out, err := osexec.Command(c.args[0], append(c.args[1:], files...)...).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("check with %s: got %v and the output %s, want none", c.args[0], err, out)
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

func head(b *bytes.Buffer, name, summary string) {
	fmt.Fprintf(b, ".\\\" Made by `make man` from the flags of the command line.\n.TH %s 8 \"\" teu \"System Manager's Manual\"\n", strings.ToUpper(roff(name)))
	fmt.Fprintf(b, ".SH NAME\n%s \\- %s\n", roff(name), roff(summary))
}

func flagList(b *bytes.Buffer, flags []*option) {
	for _, o := range flags {
		b.WriteString(".TP\n")
		for i, name := range dashed(o.names) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("\\fB" + roff(name) + "\\fR")
		}
		if o.on == nil {
			b.WriteString(" \\fI" + roff(o.value) + "\\fR")
		}
		b.WriteString("\n" + roff(o.meaning()) + "\n")
	}
}

// section writes a heading and paragraphs; those that are indented stay as they are.
func section(b *bytes.Buffer, heading, text string) {
	b.WriteString(".SH " + heading + "\n")
	for i, p := range strings.Split(text, "\n\n") {
		switch {
		case strings.HasPrefix(p, " "):
			b.WriteString(".PP\n.nf\n" + roff(p) + "\n.fi\n")
		case i > 0:
			b.WriteString(".PP\n" + roff(p) + "\n")
		default:
			b.WriteString(roff(p) + "\n")
		}
	}
}

func verbPage(p *page) string {
	var b bytes.Buffer
	head(&b, "teu-"+p.name, p.summary)
	b.WriteString(".SH SYNOPSIS\n")
	for i, args := range []string{p.args, p.alt} {
		if i == 1 {
			if args == "" {
				break
			}
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, "\\fBteu %s\\fR [\\fIOPTION\\fR...]", p.name)
		for word := range strings.FieldsSeq(args) {
			if strings.HasPrefix(word, "--") {
				b.WriteString(" \\fB" + roff(word) + "\\fR")
			} else {
				b.WriteString(" \\fI" + roff(word) + "\\fR")
			}
		}
		b.WriteByte('\n')
	}
	section(&b, "DESCRIPTION", p.about)
	b.WriteString(".SH OPTIONS\n")
	flagList(&b, p.flags)
	section(&b, "EXIT STATUS", p.exitStatus())
	if p.examples != "" {
		section(&b, "EXAMPLES", p.examples)
	}
	b.WriteString(".SH SEE ALSO\n.BR teu (8)\n")
	return b.String()
}

func topPage(global []*option, list []page) string {
	var b bytes.Buffer
	head(&b, "teu", topSummary)
	b.WriteString(".SH SYNOPSIS\n\\fBteu\\fR [\\fIGLOBAL OPTION\\fR...] \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n")
	section(&b, "DESCRIPTION", topAbout)
	b.WriteString(".SH COMMANDS\n")
	for i := range list {
		fmt.Fprintf(&b, ".TP\n.BR teu\\-%s (8)\n%s\n", list[i].name, roff(list[i].summary))
	}
	fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", helpVerb.name, helpVerb.summary)
	b.WriteString(".SH OPTIONS\n")
	flagList(&b, global)
	section(&b, "EXIT STATUS", topExit)
	b.WriteString(".SH FILES\n.TP\n\\fI/run/teu\\fR\nThe records of containers, unless \\-\\-root names another directory.\n")
	b.WriteString(".TP\n\\fI$XDG_RUNTIME_DIR/teu\\fR\nThose of a user other than root.\n")
	b.WriteString(".TP\n\\fI/run/teu\\-cache\\fR, \\fI$XDG_RUNTIME_DIR/teu\\-cache\\fR\n" +
		"Compiled seccomp filters, wherever \\-\\-root is. Removing the directory is always safe.\n")
	section(&b, "EXAMPLES", topExamples)
	b.WriteString(".SH SEE ALSO\n")
	for i := range list {
		fmt.Fprintf(&b, ".BR teu\\-%s (8)%s\n", list[i].name, map[bool]string{true: "", false: ","}[i == len(list)-1])
	}
	return b.String()
}

// takesID are the verbs whose argument is a container that there is.
func takesID(verb string) bool {
	return !slices.Contains([]string{"create", "run", "spec", "features", "list", "mounts", "validate"}, verb)
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
	verbs := strings.Join(names, " ")
	fmt.Fprintf(&b, "\thelp) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")) ;;\n", verbs)
	fmt.Fprintf(&b, "\t'') COMPREPLY=($(compgen -W \"%s %s help\" -- \"$cur\")) ;;\n\tesac\n}\ncomplete -o default -F _teu teu\n", longNames(global), verbs)
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
				value = ":" + quote(o.value) + ":" + zshValues(o.value)
			}
			fmt.Fprintf(&b, " \\\n\t\t\t'--%s[%s]%s'", o.names[0], quote(o.usage), value)
		}
		return b.String()
	}
	var b bytes.Buffer
	b.WriteString("#compdef teu\n# zsh completion for teu. Made by `make man` from the flags of the command line.\n")
	b.WriteString("_teu_containers() { compadd -- ${(f)\"$(teu list --quiet 2>/dev/null)\"} }\n_teu() {\n\tlocal state line\n\t_arguments -C" + specs(global) + " \\\n\t\t\t'1:command:->command' '*::argument:->argument'\n\tcase $state in\n\tcommand)\n\t\t_values command")
	for i := range list {
		fmt.Fprintf(&b, " \\\n\t\t\t'%s[%s]'", list[i].name, quote(list[i].summary))
	}
	fmt.Fprintf(&b, " \\\n\t\t\t'%s[%s]' ;;\n\targument)\n\t\tcase $line[1] in\n", helpVerb.name, quote(helpVerb.summary))
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

// zshValues completes a value: one of some, or a path.
func zshValues(value string) string {
	switch {
	case strings.Contains(value, "|"):
		return "(" + strings.ReplaceAll(value, "|", " ") + ")"
	case value == "DIR":
		return "_files -/"
	case value == "FILE" || value == "SOCKET":
		return "_files"
	}
	return " "
}

func fishCompletion(global []*option, list []page) string {
	quote := func(s string) string { return strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) }
	var b bytes.Buffer
	b.WriteString("# fish completion for teu. Made by `make man` from the flags of the command line.\n")
	line := func(condition string, o *option) {
		value := ""
		if o.on == nil {
			value = " -r"
			if strings.Contains(o.value, "|") {
				value = " -x -a '" + strings.ReplaceAll(o.value, "|", " ") + "'"
			}
		}
		fmt.Fprintf(&b, "complete -c teu -n '%s' -l %s%s -d '%s'\n", condition, o.names[0], value, quote(o.usage))
	}
	for _, o := range global {
		line("__fish_use_subcommand", o)
	}
	fmt.Fprintf(&b, "complete -c teu -f -n '__fish_use_subcommand' -a %s -d '%s'\n", helpVerb.name, quote(helpVerb.summary))
	for i := range list {
		p := &list[i]
		fmt.Fprintf(&b, "complete -c teu -f -n '__fish_use_subcommand' -a %s -d '%s'\n", p.name, quote(p.summary))
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
