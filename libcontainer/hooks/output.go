package hooks

import (
	"fmt"
	"os"
	"strings"
	"time"

	"teu/internal/sys"
)

// keep is how much of the output of hooks an error tells: the end, where programs say what they died of.
const keep = 4096

// pipeSize is how much a pipe holds, by default (pipe(7)).
const pipeSize = 64 << 10

// Output keeps the end of what hooks write to a pipe. Writers never wait for long: see teeWait.
type Output struct {
	r    *os.File
	fd   int // of r
	done chan struct{}
	last []byte
	cut  bool     // there was more before last
	to   *os.File // gets all of it, if not nil
}

// NewOutput returns the reader and the descriptor to write to, which is the caller's to close. All that is written goes to a file of
// s too, which is the reader's from here on: hooks in the container get a pipe, as a file of the host's is nothing to hand to them.
func NewOutput(s Streams) (*Output, int, error) {
	to, err := s.one()
	if err != nil {
		return nil, -1, err
	}
	o, w, err := newPipe(to)
	if err != nil && to != nil {
		to.Close()
	}
	return o, w, err
}

func newPipe(to *os.File) (*Output, int, error) {
	r, w, err := sys.Pipe()
	if err != nil {
		return nil, -1, err
	}
	if err := sys.SetNonblock(r, true); err != nil {
		sys.Close(r)
		sys.Close(w)
		return nil, -1, err
	}
	o, err := newOutput(r, to)
	if err != nil {
		sys.Close(w)
		return nil, -1, err
	}
	return o, w, nil
}

// newOutput reads from r, which does not block, and takes it over. Without the poller of package os no Read would wait for
// text, and a hook that fills the pipe would wait for ever.
func newOutput(r int, to *os.File) (*Output, error) {
	o := &Output{r: os.NewFile(uintptr(r), "pipe"), fd: r, done: make(chan struct{}), to: to}
	if err := o.r.SetReadDeadline(time.Time{}); err != nil {
		o.r.Close()
		return nil, fmt.Errorf("poll the output of hooks: %w", err)
	}
	go o.read()
	return o, nil
}

func (o *Output) read() {
	defer close(o.done)
	buf := make([]byte, keep)
	for {
		n, err := o.r.Read(buf)
		o.add(buf[:n])
		if err != nil {
			return
		}
	}
}

func (o *Output) add(text []byte) {
	o.tee(text)
	o.last = append(o.last, text...)
	if over := len(o.last) - keep; over > 0 {
		o.last, o.cut = o.last[over:], true
	}
}

// End ends the reading and returns the end of the output in one line; cut says that there was more before it. The writer has
// ended. What it left behind in the background may hold the pipe open for ever, and is not waited for: more than the pipe holds
// by now comes from there.
func (o *Output) End() (line string, cut bool) {
	err := o.r.SetReadDeadline(time.Now())
	if err != nil {
		o.r.Close() // it ends a Read as well
	}
	<-o.done
	if err == nil { // else the descriptor may be another file's by now
		o.drain()
	}
	o.r.Close()
	if o.to != nil {
		o.to.Close()
		o.to = nil
	}
	lines := strings.FieldsFunc(string(o.last), func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.TrimSpace(strings.Join(lines, "; ")), o.cut
}

// drain reads what is in the pipe by now.
func (o *Output) drain() {
	buf := make([]byte, keep)
	for left := pipeSize; left > 0; {
		n, err := sys.Read(o.fd, buf)
		if err != nil || n == 0 {
			return
		}
		o.add(buf[:n])
		left -= n
	}
}
