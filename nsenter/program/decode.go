package program

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"syscall"
)

// Note is what one instruction says about itself, as read back from an encoded program.
type Note struct {
	Op          Op
	Nr          uint16
	Where, What string
	Candidates  []string // OpExec: the paths it tries
}

// NoteOf is what in says about itself.
func NoteOf(in *Insn) Note {
	n := Note{Op: in.Op, Nr: in.Nr, Where: in.Where, What: in.What}
	if in.Op == OpExec && len(in.Args) > 0 {
		n.Candidates = in.Args[0].List
	}
	return n
}

// Notes reads back what Report needs from an encoded program: one Note for each instruction. Its input may come from
// another process, so every length is checked; a broken one is EBADMSG.
func Notes(enc []byte) ([]Note, error) {
	bad := func(what string) ([]Note, error) {
		return nil, fmt.Errorf("decode program: %s: %w", what, syscall.EBADMSG)
	}
	if len(enc) < headerLen {
		return bad("short header")
	}
	le := binary.NativeEndian
	h := func(i int) int { return int(le.Uint32(enc[4*i:])) }
	n, insnOff, notesOff := h(1), h(4), h(12)
	if uint32(h(0)) != magic || n > MaxInsns || insnOff != headerLen ||
		headerLen+n*insnLen > len(enc) || notesOff < headerLen+n*insnLen || notesOff > len(enc) {
		return bad("header")
	}
	rest := enc[notesOff:]
	text := func() (string, bool) {
		if len(rest) < 2 {
			return "", false
		}
		l := int(le.Uint16(rest))
		if len(rest) < 2+l {
			return "", false
		}
		s := string(rest[2 : 2+l])
		rest = rest[2+l:]
		return s, true
	}
	notes := make([]Note, n)
	for i := range notes {
		in := enc[headerLen+i*insnLen:]
		where, ok1 := text()
		what, ok2 := text()
		if !ok1 || !ok2 {
			return bad("notes")
		}
		notes[i] = Note{Op: Op(le.Uint16(in)), Nr: le.Uint16(in[2:]), Where: where, What: what}
		if notes[i].Op == OpExec {
			blobOff, blobLen := h(7), h(8)
			if blobOff > notesOff || blobLen > notesOff-blobOff {
				return bad("blob")
			}
			notes[i].Candidates = stringVec(enc[blobOff:blobOff+blobLen], le.Uint64(in[32:]))
		}
	}
	return notes, nil
}

// stringVec reads an array of strings that vec wrote; what does not make sense of it is left out.
func stringVec(blob []byte, at uint64) (out []string) {
	off, n := at&0xffffffff, at>>32
	for ; n >= 8 && off+8 <= uint64(len(blob)); off, n = off+8, n-8 {
		s := binary.NativeEndian.Uint64(blob[off:])
		if s == 0 || s >= uint64(len(blob)) {
			break
		}
		end := bytes.IndexByte(blob[s:], 0)
		if end < 0 {
			break
		}
		out = append(out, string(blob[s:s+uint64(end)]))
	}
	return out
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

// DecodeReport reads the report page. n is the number of instructions.
func DecodeReport(page []byte, n int) (Report, error) {
	le := binary.NativeEndian
	if len(page) < ReportLen(n) {
		return Report{}, fmt.Errorf("decode report of %d bytes: %w", len(page), syscall.EBADMSG)
	}
	r := Report{
		Status: Status(le.Uint32(page[0:])),
		Insn:   int(le.Uint32(page[4:])),
		Errno:  syscall.Errno(le.Uint32(page[8:])),
		Detail: le.Uint32(page[12:]),
		Pid:    int(int32(le.Uint32(page[16:]))),
	}
	if r.Insn > n || r.Status > Execing || r.Errno > 4095 {
		return Report{}, fmt.Errorf("decode report: %w", syscall.EBADMSG)
	}
	text := page[20:ReportHeader]
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	r.Text = string(bytes.TrimSpace(text))
	for i := 0; i <= n; i++ {
		r.Stamps = append(r.Stamps, int64(le.Uint64(page[ReportHeader+8*i:])))
	}
	return r, nil
}
