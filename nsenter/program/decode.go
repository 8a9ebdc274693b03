package program

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"syscall"

	"teu/internal/sys"
)

// Note is what one instruction says about itself, as read back from an encoded program.
type Note struct {
	Op          Op
	Nr          uint16
	Where, What string
	Candidates  []string // OpExec, OpFind: the paths it tries
	Dir         string   // chdir(2): where to
}

// NoteOf is what in says about itself.
func NoteOf(in *Insn) Note {
	n := Note{Op: in.Op, Nr: in.Nr, Where: in.Where, What: in.What}
	if in.Op.triesPaths() && len(in.Args) > 0 {
		n.Candidates = in.Args[0].list()
	}
	if n.changesDir() && len(in.Args) > 0 {
		n.Dir = in.Args[0].Text
	}
	return n
}

func (op Op) triesPaths() bool { return op == OpExec || op == OpFind }

func (n *Note) changesDir() bool { return n.Op == OpSyscall && n.Nr == sys.SysChdir }

// What Notes reads of the paths that execs try: more directories no $PATH has, and a longer path no kernel takes.
const (
	maxCandidates = 1024
	maxCandidate  = 4096
)

// Notes reads back what Report needs from an encoded program: one Note for each instruction. Its input may come from
// another process, so every length is checked; a broken one is EBADMSG.
func Notes(enc []byte) ([]Note, error) {
	bad := func(what string) ([]Note, error) {
		return nil, fmt.Errorf("decode program: %s: %w", what, syscall.EBADMSG)
	}
	if len(enc) < headerLen {
		return bad("short header")
	}
	ne := binary.NativeEndian
	h := func(i int) int { return int(ne.Uint32(enc[4*i:])) }
	n, blobOff, blobLen, notesOff := h(1), h(5), h(6), h(9)
	if uint32(h(0)) != magic || n > MaxInsns || h(4) != headerLen || blobOff != headerLen+n*insnLen ||
		notesOff > len(enc) || blobOff > notesOff || blobLen > notesOff-blobOff {
		return bad("header")
	}
	blob, rest := enc[blobOff:blobOff+blobLen], noteReader(enc[notesOff:])
	notes := make([]Note, n)
	where, what, room := "", "", maxCandidates
	for i := range notes {
		in := enc[headerLen+i*insnLen:]
		if !rest.next(&where) || !rest.next(&what) {
			return bad("notes")
		}
		notes[i] = Note{Op: Op(ne.Uint16(in)), Nr: ne.Uint16(in[2:]), Where: where, What: what}
		if notes[i].Op.triesPaths() {
			notes[i].Candidates = stringVec(blob, ne.Uint64(in[32:]), room)
			room -= len(notes[i].Candidates)
		}
		if notes[i].changesDir() {
			notes[i].Dir, _ = stringAt(blob, ne.Uint64(in[32:]))
		}
	}
	return notes, nil
}

type noteReader []byte

// next reads a text into s, or leaves it when the text is that of the instruction before. It is false at the end.
func (r *noteReader) next(s *string) bool {
	b := *r
	if len(b) < 2 {
		return false
	}
	l := int(binary.NativeEndian.Uint16(b))
	b = b[2:]
	if l != noteAsBefore {
		if len(b) < l {
			return false
		}
		*s, b = string(b[:l]), b[l:]
	}
	*r = b
	return true
}

// stringVec reads an array of at most most strings that vec wrote; what does not make sense of it is left out.
func stringVec(blob []byte, at uint64, most int) (out []string) {
	off, n := at&0xffffffff, at>>32
	for ; n >= 8 && off+8 <= uint64(len(blob)) && len(out) < most; off, n = off+8, n-8 {
		s := binary.NativeEndian.Uint64(blob[off:])
		if s == 0 || s >= uint64(len(blob)) {
			break
		}
		text, ok := stringAt(blob, s)
		if !ok {
			break
		}
		out = append(out, text)
	}
	return out
}

// stringAt reads a path that str wrote; ok is false for one that is none.
func stringAt(blob []byte, at uint64) (text string, ok bool) {
	if at >= uint64(len(blob)) {
		return "", false
	}
	end := bytes.IndexByte(blob[at:min(at+maxCandidate, uint64(len(blob)))], 0)
	if end < 0 {
		return "", false
	}
	return string(blob[at : at+uint64(end)]), true
}

// Status is how far the interpreter came.
type Status uint32

// The values of Status.
const (
	Running Status = iota // before the gate, or between gate and exec
	Failed                // an instruction failed; Insn and Errno say which and why
	AtGate                // waiting for start
	Execing               // in execve: with the process's descriptors closed, the workload runs
)

// Report is the page the interpreter shares with the parent.
type Report struct {
	Status Status
	Insn   int
	Errno  syscall.Errno
	Detail uint32 // OpHook: the wait status; OpExec: the candidate that failed
	Pid    int    // OpFork: the child, in the pid namespace of whoever started the interpreter
	Text   string // the kernel's own words, from a filesystem context
	Stamps []int64
}

// ReportLen is the length of the report page for a program of n instructions.
func ReportLen(n int) int { return ReportHeader + 8*(n+1) }

// ReportStatus reads the status alone, from the first ReportHeader bytes of the report page.
func ReportStatus(page []byte) (Status, error) {
	if len(page) < ReportHeader {
		return 0, fmt.Errorf("decode report of %d bytes: %w", len(page), syscall.EBADMSG)
	}
	return Status(binary.NativeEndian.Uint32(page)), nil
}

// DecodeReport reads the report page. n is the number of instructions.
func DecodeReport(page []byte, n int) (Report, error) {
	ne := binary.NativeEndian
	if len(page) < ReportLen(n) {
		return Report{}, fmt.Errorf("decode report of %d bytes: %w", len(page), syscall.EBADMSG)
	}
	r := Report{
		Status: Status(ne.Uint32(page[0:])),
		Insn:   int(ne.Uint32(page[4:])),
		Errno:  syscall.Errno(ne.Uint32(page[8:])),
		Detail: ne.Uint32(page[12:]),
		Pid:    int(int32(ne.Uint32(page[16:]))),
	}
	if r.Insn > n || r.Status > Execing || r.Errno > 4095 {
		return Report{}, fmt.Errorf("decode report: %w", syscall.EBADMSG)
	}
	text := page[20:ReportHeader]
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	r.Text = string(bytes.TrimSpace(text))
	r.Stamps = make([]int64, n+1)
	for i := range r.Stamps {
		r.Stamps[i] = int64(ne.Uint64(page[ReportHeader+8*i:]))
	}
	return r, nil
}
