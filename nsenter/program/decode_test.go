package program

import (
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestNotesAreWhatInstructionsSay(t *testing.T) {
	p := every()
	p.Insns[2].What = strings.Repeat("long ", 20000)
	enc, err := p.Encode(Options{})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	notes, err := Notes(enc)
	if err != nil {
		t.Fatalf("read the notes: %v", err)
	}
	for i := range p.Insns {
		want := NoteOf(&p.Insns[i])
		want.What = want.What[:min(len(want.What), maxNote)]
		if !reflect.DeepEqual(notes[i], want) {
			t.Errorf("instruction %d: got %+v, want %+v", i, notes[i], want)
		}
	}
	last := notes[len(notes)-1]
	if last.Op != OpExec || !slices.Equal(last.Candidates, []string{"/bin/a", "/usr/bin/a"}) {
		t.Errorf("exec: got %+v, want the candidates /bin/a and /usr/bin/a", last)
	}
}

// TestBrokenNotes cuts and flips an image at every byte that Notes looks at.
func TestBrokenNotes(t *testing.T) {
	b := New()
	b.At("where", "what")
	b.Setsid()
	b.At("process.args", "exec")
	b.Exec([]string{"/bin/a", "/bin/b"}, []string{"a"}, nil)
	enc, err := b.Program().Encode(Options{})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	for n := range enc {
		if _, err := Notes(enc[:n]); !errors.Is(err, syscall.EBADMSG) {
			t.Errorf("cut to %d of %d bytes: got %v, want %v", n, len(enc), err, syscall.EBADMSG)
		}
	}
	for i := range enc {
		for bit := range 8 {
			broken := slices.Clone(enc)
			broken[i] ^= 1 << bit
			notes, err := Notes(broken)
			if err != nil && !errors.Is(err, syscall.EBADMSG) || err == nil && len(notes) != 2 {
				t.Errorf("byte %d bit %d changed: got %v, %v, want 2 notes or %v", i, bit, notes, err, syscall.EBADMSG)
			}
		}
	}
}

func TestNotesOfManyCandidates(t *testing.T) {
	many := make([]string, maxCandidates+10)
	b := New()
	b.Exec(many, []string{"a"}, nil)
	b.Exec([]string{strings.Repeat("x", maxCandidate)}, []string{"a"}, nil)
	b.Exec([]string{"/bin/a"}, []string{"a"}, nil)
	enc, err := b.Program().Encode(Options{})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	notes, err := Notes(enc)
	if err != nil || len(notes[0].Candidates) != maxCandidates || notes[1].Candidates != nil || notes[2].Candidates != nil {
		t.Errorf("candidates: got %v; %d, %d and %d; want %d, 0 and 0", err, len(notes[0].Candidates), len(notes[1].Candidates), len(notes[2].Candidates), maxCandidates)
	}
}

// page is a report page for a program of n instructions.
func page(n int, status Status, insn, errno, detail uint32, pid int32, text string) []byte {
	b := make([]byte, ReportLen(n))
	for i, v := range [5]uint32{uint32(status), insn, errno, detail, uint32(pid)} {
		binary.NativeEndian.PutUint32(b[4*i:], v)
	}
	copy(b[20:ReportHeader], text)
	return b
}

func TestReportIsWhatThePageSays(t *testing.T) {
	b := page(2, Failed, 2, uint32(syscall.EINVAL), 7, 1234, "e tmpfs: Bad value for 'size'\n\x00rest")
	binary.NativeEndian.PutUint64(b[ReportHeader+8:], 99)
	got, err := DecodeReport(b, 2)
	want := Report{
		Status: Failed, Insn: 2, Errno: syscall.EINVAL, Detail: 7, Pid: 1234, Text: "e tmpfs: Bad value for 'size'",
		Stamps: []int64{0, 99, 0},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
	// Text to the very end of its room.
	got, err = DecodeReport(page(0, Running, 0, 0, 0, -1, strings.Repeat("x", ReportHeader)), 0)
	if err != nil || len(got.Text) != ReportHeader-20 || got.Pid != -1 {
		t.Errorf("text to the end of its room: got %v, %+v, want %d bytes of it and pid -1", err, got, ReportHeader-20)
	}
}

func TestBrokenReports(t *testing.T) {
	good := page(2, Failed, 1, 1, 0, 0, "")
	for n := range good {
		if _, err := DecodeReport(good[:n], 2); !errors.Is(err, syscall.EBADMSG) {
			t.Errorf("cut to %d bytes: got %v, want %v", n, err, syscall.EBADMSG)
		}
	}
	for name, b := range map[string][]byte{
		"instruction": page(2, Failed, 3, 1, 0, 0, ""),
		"status":      page(2, Execing+1, 1, 1, 0, 0, ""),
		"errno":       page(2, Failed, 1, 4096, 0, 0, ""),
	} {
		if _, err := DecodeReport(b, 2); !errors.Is(err, syscall.EBADMSG) {
			t.Errorf("%s out of range: got %v, want %v", name, err, syscall.EBADMSG)
		}
	}
}

// FuzzNotes: whatever is passed off as a program is read or refused, and what was read is bounded by it.
func FuzzNotes(f *testing.F) {
	for _, p := range []*Program{every(), New().Program(), assemble(atStart, skip{}, nil)} {
		enc, err := p.Encode(Options{Stamp: true})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(enc)
		f.Add(enc[:len(enc)/2])
	}
	f.Fuzz(func(t *testing.T, enc []byte) {
		notes, err := Notes(enc)
		if err != nil {
			if !errors.Is(err, syscall.EBADMSG) {
				t.Fatalf("read the notes: got %v, want %v", err, syscall.EBADMSG)
			}
			return
		}
		if len(notes)*insnLen > len(enc) {
			t.Fatalf("notes from %d bytes: got %d, want %d at most", len(enc), len(notes), len(enc)/insnLen)
		}
		candidates := 0
		for i := range notes {
			candidates += len(notes[i].Candidates)
		}
		// Nothing that was read may break the message that is made of it.
		_ = (&Error{Report: Report{Status: Failed, Insn: max(len(notes)-1, 0), Errno: syscall.EIO}, Notes: notes}).Error()
		if candidates > maxCandidates {
			t.Fatalf("candidates: got %d, want %d at most", candidates, maxCandidates)
		}
	})
}

// FuzzReport: whatever stands in the page is read or refused.
func FuzzReport(f *testing.F) {
	f.Add(page(2, Failed, 2, 22, 7, 1234, "e tmpfs: Bad value"), uint16(2))
	f.Add(page(0, Execing, 0, 0, 0, 0, ""), uint16(0))
	f.Add([]byte("short"), uint16(0))
	notes := make([]Note, 8)
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		r, err := DecodeReport(b, int(n))
		if err != nil {
			if !errors.Is(err, syscall.EBADMSG) {
				t.Fatalf("read the report: got %v, want %v", err, syscall.EBADMSG)
			}
			return
		}
		if r.Insn < 0 || r.Insn > int(n) || len(r.Stamps) != int(n)+1 || len(r.Text) > ReportHeader {
			t.Fatalf("report: got %+v, want an instruction up to %d, %d stamps, a text of %d bytes at most", r, n, int(n)+1, ReportHeader)
		}
		e := &Error{Report: r, Notes: notes}
		if e.Error() == "" {
			t.Fatalf("message of %+v: got none, want one", r)
		}
	})
}
