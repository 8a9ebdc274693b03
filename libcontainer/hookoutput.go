package libcontainer

import (
	"os"
	"strings"
	"time"

	"teu/internal/sys"
)

// tailSize is how much of a hook's output an error message quotes.
const tailSize = 4096

// pipeTail keeps the last bytes written to a pipe, so that writers never wait.
type pipeTail struct {
	r    *os.File
	fd   int // of r
	done chan struct{}
	last []byte
}

// newPipeTail returns the reader and the descriptor to write to, which is the caller's to close.
func newPipeTail() (*pipeTail, int, error) {
	r, w, err := sys.Pipe()
	if err != nil {
		return nil, -1, err
	}
	if err := sys.SetNonblock(r, true); err != nil {
		sys.Close(r)
		sys.Close(w)
		return nil, -1, err
	}
	t := &pipeTail{r: os.NewFile(uintptr(r), "pipe"), fd: r, done: make(chan struct{})}
	go t.read()
	return t, w, nil
}

func (t *pipeTail) read() {
	defer close(t.done)
	buf := make([]byte, tailSize)
	for {
		n, err := t.r.Read(buf)
		t.add(buf[:n])
		if err != nil {
			return
		}
	}
}

func (t *pipeTail) add(text []byte) {
	t.last = append(t.last, text...)
	if over := len(t.last) - tailSize; over > 0 {
		t.last = t.last[over:]
	}
}

// tail returns what was written last, in one line. The writer has ended; what it left behind may hold the pipe open for
// ever, and is not waited for.
func (t *pipeTail) tail() string {
	if err := t.r.SetReadDeadline(time.Now()); err != nil {
		return ""
	}
	<-t.done
	const pipeSize = 64 << 10
	buf := make([]byte, tailSize)
	for left := pipeSize; left > 0; {
		n, err := sys.Read(t.fd, buf)
		if err != nil || n == 0 {
			break
		}
		t.add(buf[:n])
		left -= n
	}
	t.r.Close()
	lines := strings.FieldsFunc(string(t.last), func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.TrimSpace(strings.Join(lines, "; "))
}
