package jsonscan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestSkip: what a text has to be for Skip to pass over it and reach its end is what encoding/json says.
func TestSkip(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, `""`, `0`, `-0.5e+10`, `true`, `false`, `null`, ` { "a" : [ 1 , "x\n" , { } ] } `, `"\ud83d\ude00é"`,
		``, `{`, `[`, `"`, `"\`, `"\u00"`, `"\x"`, "\"\n\"", `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `[1,]`, `[1 2]`, `01`, `+1`, `1.`, `.5`, `1e`, `-`,
		`tru`, `nul`, `}`, `]`, `,`, `{"a":1]`, `[}`,
	} {
		s := Scanner{Text: text, MaxDepth: 100}
		s.Skip()
		s.Peek()
		if got, want := !s.Failed() && s.Pos == len(text), json.Valid([]byte(text)); got != want {
			t.Errorf("%q: got %v (%+v), want %v", text, got, s.Stop, want)
		}
	}
}

func TestStr(t *testing.T) {
	for in, want := range map[string][2]string{ // as it is by default, and with KeepBytes
		`"plain"`:               {"plain", "plain"},
		`"\"\\\/\b\f\n\r\t"`:    {"\"\\/\b\f\n\r\t", "\"\\/\b\f\n\r\t"},
		`"\u0041\u00E9"`:        {"Aé", "Aé"},
		`"\ud83d\ude00"`:        {"😀", "😀"},
		`"\ud83d\u0041"`:        {"\ufffdA", "\ufffdA"},
		`"\ude00x"`:             {"\ufffdx", "\ufffdx"},
		"\"a\xffb\\n\xfe\"":     {"a\ufffdb\n\ufffd", "a\xffb\n\xfe"},
		"\"\xc3\xa9 \xe2\x82\"": {"é \ufffd\ufffd", "é \xe2\x82"},
	} {
		for i, keep := range []bool{false, true} {
			s := Scanner{Text: in, KeepBytes: keep, MaxNotes: 1}
			if got := s.Str(); got != want[i] || s.Failed() || s.Pos != len(in) {
				t.Errorf("%q, KeepBytes %v: got %q, %+v at %d, want %q", in, keep, got, s.Stop, s.Pos, want[i])
			}
		}
	}
}

// TestStrNotes: what would make another string of it is noted once, and what a program may well write is not.
func TestStrNotes(t *testing.T) {
	for in, want := range map[string]Note{
		`"a\u0000b\u0000"`:     {2, "NUL character in a string"},
		"\"ab\xffc\xff\"":      {3, "byte 0xff in a string is not UTF-8"},
		"\"\xc3\xa9\xe2\x82\"": {3, "byte 0xe2 in a string is not UTF-8"},
		"\"\xed\xa0\xbd\"":     {1, "byte 0xed in a string is not UTF-8"}, // a surrogate, encoded
		"\"\xc0\xaf\"":         {1, "byte 0xc0 in a string is not UTF-8"}, // overlong
		`"é\ud83dx\ud83d"`:     {3, `\ud83d in a string is half a surrogate pair`},
		`"\uDE00\ud83d"`:       {1, `\uDE00 in a string is half a surrogate pair`},
		"\"\xef\xbf\xbd\"":     {},
		`"\ufffd\ud83d\ude00"`: {},
	} {
		for _, keep := range []bool{false, true} {
			s := Scanner{Text: in, KeepBytes: keep, MaxNotes: 9}
			s.Str()
			var got Note
			if len(s.Notes) > 0 {
				got = s.Notes[0]
			}
			if noted := !keep && want != (Note{}); len(s.Notes) > 1 || noted && got != want || !noted && got != (Note{}) || s.Failed() {
				t.Errorf("%q, KeepBytes %v: got %+v, %+v, want %+v, %v", in, keep, s.Notes, s.Stop, want, noted)
			}
		}
	}
}

// TestStrStops: the note too many ends the scan within the string too.
func TestStrStops(t *testing.T) {
	s := Scanner{Text: `"a\u0000b" "c"`}
	if got := s.Str(); got != "" || !s.Failed() || s.Pos != len(s.Text) {
		t.Errorf("a NUL, without notes: got %q at %d, %+v, want nothing at %d", got, s.Pos, s.Stop, len(s.Text))
	}
}

// TestNotes: a value of another type is noted and skipped, up to MaxNotes of them.
func TestNotes(t *testing.T) {
	const text = `[true, {"a": []}, "x", 1, null]`
	for most, want := range []struct {
		notes []int // offsets
		stop  string
	}{
		{nil, "want number, got boolean; there may be more"},
		{[]int{1}, "want number, got object; there may be more"},
		{[]int{1, 7}, "want number, got string; there may be more"},
		{[]int{1, 7, 18}, "want number, got null; there may be more"},
		{[]int{1, 7, 18, 26}, ""},
	} {
		s := Scanner{Text: text, MaxNotes: most, MaxDepth: 9}
		var numbers []string
		for open := false; s.Element(&open, "array"); {
			if n := s.Number("number"); n != "" {
				numbers = append(numbers, n)
			}
		}
		var notes []int
		for _, n := range s.Notes {
			notes = append(notes, n.At)
		}
		if !slices.Equal(notes, want.notes) || s.Stop.Msg != want.stop {
			t.Errorf("at most %d: got notes at %v, stop %+v, want %v, %q", most, notes, s.Stop, want.notes, want.stop)
		}
		if want.stop == "" && !slices.Equal(numbers, []string{"1"}) {
			t.Errorf("got numbers %q, want 1 alone", numbers)
		}
	}
}

func TestMaxDepth(t *testing.T) {
	for n, want := range map[int]bool{1: true, 5: true, 6: false, 1000: false} {
		s := Scanner{Text: strings.Repeat("[", n) + strings.Repeat("]", n), MaxDepth: 5}
		if s.Skip(); s.Failed() == want {
			t.Errorf("%d deep: got %+v, want taken %v", n, s.Stop, want)
		}
	}
}
