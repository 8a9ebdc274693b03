package libcontainer

import (
	"os"
	"strings"

	"teu/internal/sys"
)

// tailSize is how much of a hook's output an error message quotes.
const tailSize = 4096

// pipeTail keeps the last bytes written to a pipe, so that writers never wait.
type pipeTail struct {
	r    *os.File
	done chan struct{}
	last []byte
}

// newPipeTail returns the reader and the descriptor to write to, which is the caller's to close.
func newPipeTail() (*pipeTail, int, error) {
	r, w, err := sys.Pipe()
	if err != nil {
		return nil, -1, err
	}
	t := &pipeTail{r: os.NewFile(uintptr(r), "pipe"), done: make(chan struct{})}
	go t.read()
	return t, w, nil
}

func (t *pipeTail) read() {
	defer close(t.done)
	buf := make([]byte, tailSize)
	for {
		n, err := t.r.Read(buf)
		t.last = append(t.last, buf[:n]...)
		if over := len(t.last) - tailSize; over > 0 {
			t.last = t.last[over:]
		}
		if err != nil {
			return
		}
	}
}

// tail returns what was written last, once every writer has closed the pipe.
func (t *pipeTail) tail() string {
	<-t.done
	t.r.Close()
	return strings.TrimSpace(string(t.last))
}
