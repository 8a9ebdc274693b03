package cli

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// runLength is the number of words in a row that two texts do not share by chance.
const runLength = 8

var (
	// Not compared: flags with the values after their equals signs, placeholders, and single words in quotation marks.
	literals = regexp.MustCompile(`(^|[^-\w])--?[a-zA-Z][-\w]*(=\S*)?|<[^<>\s]*>|"[^"\s]*"|\B'[^'\s]*'\B`)
	// The first column of a table of commands or flags.
	column = regexp.MustCompile(`^\s+\S.*?(\s{2,}|$)`)
	word   = regexp.MustCompile(`[a-z]+`)
	// The fonts and special characters of man(7).
	fonts    = regexp.MustCompile(`\\f[A-Z]`)
	specials = regexp.MustCompile(`\\(\[\w+\]|&|e)`)
	macro    = regexp.MustCompile(`^\.[A-Z]+\s*`)
	quoted   = regexp.MustCompile(`'--[^\[]*\[(.*)\]|-d '(.*)'$|^\s*'\w+\[(.*)\]`)
)

// words is a passage in lower case, without what literals matches; runc and teu are one name.
func words(passage string) []string {
	passage = literals.ReplaceAllString(passage, " ")
	passage = strings.ReplaceAll(strings.ToLower(passage), "'", "")
	return word.FindAllString(strings.ReplaceAll(passage, "runc", "teu"), -1)
}

// helpPassages are the paragraphs of a help text; each row of a table is one.
func helpPassages(text string) (out []string) {
	passage := ""
	for line := range strings.Lines(text + "\n\n") {
		switch margin := column.FindString(line); {
		case strings.TrimSpace(line) == "":
			out, passage = append(out, passage), ""
		case strings.HasSuffix(margin, "  ") && strings.TrimSpace(margin) != "" || strings.HasPrefix(strings.TrimSpace(line), "-"):
			out, passage = append(out, passage), strings.TrimPrefix(line, margin)
		default:
			passage += line
		}
	}
	return out
}

// manPassages are the paragraphs of a man page.
func manPassages(text string) (out []string) {
	text = strings.ReplaceAll(fonts.ReplaceAllString(text, ""), `\-`, "-")
	passage := ""
	for line := range strings.Lines(specials.ReplaceAllString(text, "") + ".PP\n") {
		if strings.HasPrefix(line, `.\"`) {
			continue
		}
		if m := macro.FindString(line); m != "" {
			out, passage = append(out, passage), strings.TrimPrefix(line, m)
			continue
		}
		passage += line
	}
	return out
}

// completionPassages are the descriptions of a completion for zsh or fish, one a line.
func completionPassages(text string) (out []string) {
	for line := range strings.Lines(text) {
		if m := quoted.FindStringSubmatch(strings.TrimRight(line, " \\;\n")); m != nil {
			out = append(out, strings.ReplaceAll(strings.Join(m[1:], ""), `\`, ""))
		}
	}
	return out
}

// runsOf are all runs of n words of the passages.
func runsOf(passages []string, n int) map[string]bool {
	known := map[string]bool{}
	for _, p := range passages {
		for w := words(p); len(w) >= n; w = w[1:] {
			known[strings.Join(w[:n], " ")] = true
		}
	}
	return known
}

// sharedRuns are the runs of n words and more, each as long as it goes, of passages of ours that are known.
func sharedRuns(ours []string, known map[string]bool, n int) (shared []string) {
	for _, p := range ours {
		w := words(p)
		for i := 0; i+n <= len(w); i++ {
			if !known[strings.Join(w[i:i+n], " ")] {
				continue
			}
			end := i + n
			for end < len(w) && known[strings.Join(w[end+1-n:end+1], " ")] {
				end++
			}
			if run := strings.Join(w[i:end], " "); !slices.Contains(shared, run) {
				shared = append(shared, run)
			}
			i = end - n
		}
	}
	return shared
}

// TestSharedRuns: the comparison finds what was copied, however it is laid out, and nothing else.
func TestSharedRuns(t *testing.T) {
	const theirs = "OPTIONS:\n   --keep value, -k value  keep the shipment in the yard until somebody calls for\n" +
		"      it by its number (default: 0)\n   --drop  drop it\n\nWhere \"<box-id>\" is the name that runc gives to a box which it has\nloaded onto the train.\n"
	for ours, want := range map[string]string{
		"  -k, --keep N  keep the shipment in the yard until somebody calls for it\n":           "keep the shipment in the yard until somebody calls for it",
		"It says:\n\nIs the name that TEU gives, to a box --which \"it\" has":                   "is the name that teu gives to a box",
		"Is the name that TEU gives --always to a box; which it has --not-yet loaded.":          "is the name that teu gives to a box which it has loaded",
		"keep the shipment in the yard until\n":                                                 "",
		"in the yard until somebody calls\nfor it":                                              "in the yard until somebody calls for it",
		"in the yard until somebody calls\n\nfor it":                                            "",
		"  keep the shipment in the\n  yard until somebody calls\n":                             "keep the shipment in the yard until somebody calls",
		"  a  drop it\n  b  until somebody calls for\n  c  it by its number\n":                  "",
		"Teu unloads boxes from trains, stacks them in the yard, and tells whoever asks where.": "",
	} {
		got := strings.Join(sharedRuns(helpPassages(ours), runsOf(helpPassages(theirs), runLength), runLength), "; ")
		if got != want {
			t.Errorf("%q: got %q, want %q", ours, got, want)
		}
	}
	page := ".TH BOX 8\n.SH DESCRIPTION\n.PP\nThe \\fBload\\fP command puts \\fIcontainer\\-id\\fP\nonto the next train that\\-goes.\n.TP\n\\fB--x\\fP\nnot before dawn\n"
	if got := sharedRuns(manPassages(page), runsOf([]string{"the load command puts container-id onto the next train that goes not before dawn"}, runLength), runLength); !slices.Equal(got, []string{
		"the load command puts container id onto the next train that goes",
	}) {
		t.Errorf("a man page: got %q, want one run", got)
	}
	lines := "\t\t\t'--x[put it onto the next train that goes to the'\\'' harbour]:N: ' \\\n complete -c teu -n 'a' -l y -r -d 'put it onto the next train that goes to town'\n\t\t'run[load it, then put it onto the next train]' ;;\n"
	if got := len(completionPassages(lines)); got != 3 {
		t.Errorf("completions: got %d passages of %q, want 3", got, lines)
	}
	if got := sharedRuns(completionPassages(lines), runsOf([]string{"Put it onto the next train that goes to the harbour, then put it onto the next train"}, runLength), runLength); !slices.Equal(got, []string{
		"put it onto the next train that goes to the harbour", "put it onto the next train that goes to",
	}) {
		t.Errorf("completions: got %q, want two runs", got)
	}
}

// runcPath is Debian's runc, which is not in the $PATH of an ordinary user, or another one.
func runcPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/sbin/runc", "runc"} {
		if path, err := osexec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("runc is not installed: apt-get install runc")
	return ""
}

// runcTexts are the passages of the help and the man pages of Debian's runc.
func runcTexts(t *testing.T) (out []string) {
	t.Helper()
	runc := runcPath(t)
	files, err := filepath.Glob("/usr/share/man/man8/runc*.8.gz")
	if err != nil || len(files) == 0 {
		t.Skip("the man pages of runc are not installed: apt-get install --reinstall runc, without path-exclude in /etc/dpkg/dpkg.cfg.d")
	}
	for _, args := range [][]string{
		nil, {"checkpoint"}, {"create"}, {"delete"}, {"events"}, {"exec"}, {"features"}, {"kill"}, {"list"}, {"pause"}, {"ps"}, {"restore"},
		{"resume"}, {"run"}, {"spec"}, {"start"}, {"state"}, {"update"},
	} {
		text, err := osexec.Command(runc, append(args, "--help")...).Output()
		if err != nil {
			t.Fatalf("run runc %s --help: %v", args, err)
		}
		out = append(out, helpPassages(string(text))...)
	}
	for _, f := range files {
		text, err := readGzip(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, manPassages(string(text))...)
	}
	return out
}

func readGzip(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return io.ReadAll(z)
}

// TestWordsAreOurOwn: no text for people has eight words in a row in common with runc's. Flags and values are the same
// as runc's for its callers; sentences are not.
func TestWordsAreOurOwn(t *testing.T) {
	theirs := runsOf(runcTexts(t), runLength)
	// The comparison is worth nothing unless it has read runc's texts.
	for _, sentence := range []string{
		"The args parameter is used to specify command(s) that get run when the container is started.", // help of create
		"in case the process can't join the top level cgroup, runc exec fallback is to try joining",    // runc-exec(8)
		"path to an AF_UNIX socket which will receive a file descriptor",                               // a flag's help
	} {
		if len(sharedRuns([]string{sentence}, theirs, runLength)) == 0 {
			t.Errorf("runc's texts: got no %q, want it in them", sentence)
		}
	}
	check := func(name string, ours []string) {
		if n := len(words(strings.Join(ours, " "))); n < 20 {
			t.Errorf("words of %s: got %d, want 20 or more", name, n)
		}
		for _, run := range sharedRuns(ours, theirs, runLength) {
			t.Errorf("%s: got %q, which runc says too, want other words", name, run)
		}
	}
	check("teu", helpPassages(shortHelp))
	check("teu --help", helpPassages(teu(t, "--help", nil).stdout))
	for _, v := range verbs {
		check("teu "+v.name+" --help", helpPassages(teu(t, v.name+" --help", nil).stdout))
	}
	files, err := filepath.Glob(pages + "*")
	if err != nil || len(files) < len(verbs) {
		t.Fatalf("files of %s: got %d, %v, want %d or more", pages, len(files), err, len(verbs))
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Ext(f) {
		case ".8":
			check(f, manPassages(string(text)))
		case ".zsh", ".fish":
			check(f, completionPassages(string(text)))
		case ".bash": // has names of verbs and flags alone
		default:
			t.Errorf("%s: got an unknown kind, want a man page or completions", f)
		}
	}
}
