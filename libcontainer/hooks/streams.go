package hooks

import (
	"fmt"
	"os"
	"time"

	"teu/internal/sys"
	"teu/libcontainer/spec/names"
)

// Streams are the files that hooks write to as their annotations say; nil where output is only kept for an error.
type Streams struct{ Out, Err *os.File }

// OpenStreams opens the files that annotations name, to append to, and makes those that are missing, for their owner alone.
func OpenStreams(annotations map[string]string) (s Streams, err error) {
	if s.Out, err = openStream(annotations, names.HooksStdout); err != nil {
		return s, err
	}
	if s.Err, err = openStream(annotations, names.HooksStderr); err != nil {
		s.Close()
		return Streams{}, err
	}
	return s, nil
}

func openStream(annotations map[string]string, key string) (*os.File, error) {
	path, ok := annotations[key]
	if !ok {
		return nil, nil
	}
	// A FIFO that nobody reads from is an error, and not waited for.
	const flags = sys.OWronly | sys.OCreat | sys.OAppend | sys.ONonblock | sys.ONoctty
	fd, err := sys.Openat(sys.AtFdcwd, path, flags, 0o600)
	if err == nil {
		if err = sys.SetNonblock(fd, false); err != nil {
			sys.Close(fd)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("annotations[%q]: open %s: %w", key, path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Close closes the files that there are.
func (s Streams) Close() {
	for _, f := range [2]*os.File{s.Out, s.Err} {
		if f != nil {
			f.Close()
		}
	}
}

// one is the file for what does not tell its two streams apart, to write to within a bound; nil without one. Both of s are closed.
func (s Streams) one() (*os.File, error) {
	defer s.Close()
	f := s.Out
	if f == nil {
		f = s.Err
	}
	if f == nil {
		return nil, nil
	}
	fd, err := sys.Dup(int(f.Fd()))
	if err == nil {
		if err = sys.SetNonblock(fd, true); err != nil {
			sys.Close(fd)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("output of hooks to %s: %w", f.Name(), err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// teeWait bounds a write to a pipe or a terminal, whose reader may never come: the container's lock is held meanwhile.
const teeWait = time.Second

// tee writes text to the file, if there is one. What cannot be written is lost, and what comes after it.
func (o *Output) tee(text []byte) {
	if o.to == nil || len(text) == 0 {
		return
	}
	_ = o.to.SetWriteDeadline(time.Now().Add(teeWait)) // a plain file has none
	if _, err := o.to.Write(text); err != nil {
		o.to.Close()
		o.to = nil
	}
}
