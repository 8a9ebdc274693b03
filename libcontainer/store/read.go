package store

import (
	"fmt"
	"syscall"

	"teu/internal/sys"
)

// readRecord reads the record below dir: state.json or, before that is written, intent.json.
func readRecord(dir int, id string) (*State, error) {
	rec, err := readFile(dir, recordName, id)
	if err == syscall.ENOENT {
		if rec, err = readFile(dir, intentName, id); err == syscall.ENOENT {
			return nil, ErrHalfMade
		}
		return rec, err
	}
	if err != nil {
		return nil, err
	}
	if _, err := sys.Lstatat(dir, GateName); err == syscall.ENOENT && rec.Phase == Created {
		rec.Phase = Running
	}
	return rec, nil
}

func readFile(dir int, name, id string) (*State, error) {
	// O_NONBLOCK: opening a planted FIFO must not wait for its writer.
	fd, err := sys.Openat(dir, name, sys.ORdonly|sys.ONofollow|sys.ONonblock, 0)
	if err == syscall.ENOENT {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer sys.Close(fd)
	st, err := sys.Fstat(fd)
	if err != nil {
		return nil, fmt.Errorf("stat %s: %w", name, err)
	}
	if !sys.IsRegular(&st) || st.Size > maxRecord {
		return nil, fmt.Errorf("read %s: not a plain file of at most %d bytes", name, maxRecord)
	}
	data := make([]byte, st.Size)
	for n := 0; n < len(data); {
		k, err := sys.Read(fd, data[n:])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if k == 0 {
			data = data[:n]
		}
		n += k
	}
	rec, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", name, err)
	}
	if rec.ID != id {
		return nil, fmt.Errorf("decode %s: it names container %q", name, rec.ID)
	}
	return rec, nil
}
