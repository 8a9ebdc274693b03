package hooks

import (
	"fmt"
	"os"

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

// one is the file for what does not tell its two streams apart; the other is closed.
func (s Streams) one() *os.File {
	if s.Out == nil {
		return s.Err
	}
	if s.Err != nil {
		s.Err.Close()
	}
	return s.Out
}

// tee writes text to the file, if there is one. What cannot be written is lost.
func (o *Output) tee(text []byte) {
	if o.to == nil || len(text) == 0 {
		return
	}
	if _, err := o.to.Write(text); err != nil {
		o.to.Close()
		o.to = nil
	}
}
