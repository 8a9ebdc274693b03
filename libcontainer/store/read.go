package store

import (
	"errors"
	"fmt"
	"syscall"

	"teu/internal/sys"
)

// Read reads the record of a container without locking it. Errors:
// [InvalidIDError], [NotExistError]; a half-made container gives an error that
// wraps [ErrHalfMade] or tells what is wrong with its record.
func (s *Store) Read(id string) (*State, error) { return s.read(id, false) }

// ReadWhole is Read, with the annotations.
func (s *Store) ReadWhole(id string) (*State, error) { return s.read(id, true) }

func (s *Store) read(id string, whole bool) (*State, error) {
	dir, err := s.dirOf(id)
	if err != nil {
		return nil, err
	}
	defer sys.Close(dir)
	st, err := readRecord(dir, id)
	if err == nil && whole {
		if err = st.loadAnnotations(dir); errors.Is(err, syscall.ENOENT) && !hasRecord(dir, "") {
			return nil, &NotExistError{ID: id} // it has been removed meanwhile
		}
	}
	if err != nil {
		return nil, fmt.Errorf("container %q: %w", id, err)
	}
	return st, nil
}

// dirOf opens the directory of id, without its lock.
func (s *Store) dirOf(id string) (int, error) {
	root, err := s.rootOf(id)
	if err != nil {
		return -1, err
	}
	defer root.Close()
	return openDir(int(root.Fd()), id)
}

// readRecord reads the record below dir: state.json or, before that is written, intent.json.
func readRecord(dir int, id string) (*State, error) {
	rec, err := readFile(dir, recordName, id)
	if err == syscall.ENOENT {
		if rec, err = readFile(dir, intentName, id); err == syscall.ENOENT {
			// Who removes a container takes this away before the records.
			if _, err := sys.Lstatat(dir, InitName); err != syscall.ENOENT {
				return nil, fmt.Errorf("no %s, but a process was started: somebody has removed it: %w", recordName, syscall.ENOENT)
			}
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
	if !sys.IsRegular(&st) || st.Size > maxRead {
		return nil, fmt.Errorf("read %s: not a plain file of at most %d bytes", name, maxRead)
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
	rec.forgetOtherBoot()
	return rec, nil
}
