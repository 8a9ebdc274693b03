package seccomp

// The cache is a directory with one file for each filter, named by the hash of what the filter was made from.
// A filter of somebody else's choice would be a way out of the sandbox, so nothing in it is believed that
// another user could have written:
//
//	openat   O_DIRECTORY|O_NOFOLLOW   the directory: ours, mode 0700 (made if missing: mkdirat)
//	openat   O_NOFOLLOW|O_NONBLOCK    an entry: regular, ours, mode 0600, one link or none, not too long
//	read                              its hash over key and content holds
//	openat   O_TMPFILE, linkat        a new entry appears whole or not at all; a killed writer leaves nothing
//	unlinkat                          a wrong entry, and the oldest ones when there are too many

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"teu/internal/sys"
)

const (
	// maxEntries bounds the cache. A host has few profiles; each entry of some 10 KiB may be memory, in /run.
	maxEntries = 64
	// maxEntrySize bounds what is read: the longest filter has 32 KiB, the rest is warnings.
	maxEntrySize = 64 << 10
)

type cache struct {
	dir string
	fd  int
}

// openCache opens the directory of the cache, or makes it. Its parent must exist.
func openCache(dir string) (*cache, error) {
	const flags = sys.ORdonly | sys.ODirectory | sys.ONofollow
	fd, err := sys.Openat(sys.AtFdcwd, dir, flags, 0)
	if err == syscall.ENOENT {
		if err := sys.Mkdirat(sys.AtFdcwd, dir, 0o700); err != nil && err != syscall.EEXIST {
			return nil, &fs.PathError{Op: "seccomp cache: mkdir", Path: dir, Err: err}
		}
		fd, err = sys.Openat(sys.AtFdcwd, dir, flags, 0)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "seccomp cache: open", Path: dir, Err: err}
	}
	st, err := sys.Fstat(fd)
	if err == nil {
		err = private(&st)
	}
	if err != nil {
		_ = sys.Close(fd)
		return nil, &fs.PathError{Op: "seccomp cache: use", Path: dir, Err: err}
	}
	return &cache{dir, fd}, nil
}

func (c *cache) close() { _ = sys.Close(c.fd) }

// private checks that nobody but us can write what st is of. An access control list that lets others in shows
// in the bits of the group.
func private(st *sys.Stat) error {
	switch {
	case st.Uid != uint32(os.Geteuid()):
		return fmt.Errorf("owned by uid %d", st.Uid)
	case st.Mode&0o077 != 0:
		return fmt.Errorf("mode %#o lets others in", st.Mode&0o7777)
	}
	return nil
}

// get reads the entry of k; ok is false if there is none to use. One that is not as it should be is removed
// and reported.
func (c *cache) get(k key) (e entry, ok bool, err error) {
	fd, err := sys.Openat(c.fd, k.name(), sys.ORdonly|sys.ONofollow|sys.ONonblock, 0)
	if err == syscall.ENOENT {
		return entry{}, false, nil
	}
	if err == nil {
		e, err = read(fd, k)
		_ = sys.Close(fd)
	}
	if err == nil {
		return e, true, nil
	}
	err = c.fail("use", k.name(), err)
	if rm := sys.Unlinkat(c.fd, k.name()); rm != nil && rm != syscall.ENOENT {
		err = errors.Join(err, c.fail("remove", k.name(), rm))
	}
	return entry{}, false, err
}

func read(fd int, k key) (entry, error) {
	st, err := sys.Fstat(fd)
	if err != nil {
		return entry{}, err
	}
	if err := private(&st); err != nil {
		return entry{}, err
	}
	switch {
	case !sys.IsRegular(&st):
		return entry{}, errors.New("not a regular file")
	case st.Nlink > 1: // none is left when another process makes room at this moment
		return entry{}, fmt.Errorf("%d links", st.Nlink)
	case st.Size > maxEntrySize:
		return entry{}, fmt.Errorf("%d bytes", st.Size)
	}
	data := make([]byte, st.Size)
	n, err := sys.Pread(fd, data, 0)
	if err != nil {
		return entry{}, err
	}
	return decode(data[:n], k)
}

// put writes the entry of k and makes room for it.
func (c *cache) put(k key, e entry) error {
	data := encode(k, e)
	if len(data) > maxEntrySize {
		return c.fail("write", k.name(), syscall.EFBIG)
	}
	if err := c.makeRoom(); err != nil {
		return err
	}
	fd, err := sys.OpenTmpfile(c.fd, 0o600)
	if err != nil {
		return c.fail("create", k.name(), err)
	}
	defer sys.Close(fd)
	if err := sys.WriteAll(fd, data); err != nil {
		return c.fail("write", k.name(), err)
	}
	// Whoever was faster wrote the same.
	if err := sys.LinkTmpfile(fd, c.fd, k.name()); err != nil && err != syscall.EEXIST {
		return c.fail("link", k.name(), err)
	}
	return nil
}

// makeRoom removes the oldest entries until one more may come.
func (c *cache) makeRoom() error {
	// An fd of its own: the cache's keeps its offset, and File closes what it has.
	fd, err := sys.Openat(c.fd, ".", sys.ORdonly|sys.ODirectory, 0)
	if err != nil {
		return c.fail("list", "", err)
	}
	dir := os.NewFile(uintptr(fd), c.dir)
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return c.fail("list", "", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		b, err := hex.DecodeString(name)
		return err != nil || len(b) != len(key{})
	})
	if len(names) < maxEntries {
		return nil
	}
	written := map[string]int64{}
	for _, name := range names {
		st, err := sys.Lstatat(c.fd, name)
		if err == nil {
			written[name] = st.Mtim.Nano()
		} else if err != syscall.ENOENT {
			return c.fail("stat", name, err)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(min(max(written[a]-written[b], -1), 1)) })
	for _, name := range names[:len(names)-maxEntries+1] {
		if err := sys.Unlinkat(c.fd, name); err != nil && err != syscall.ENOENT {
			return c.fail("remove", name, err)
		}
	}
	return nil
}

func (c *cache) fail(op, name string, err error) error {
	return &fs.PathError{Op: "seccomp cache: " + op, Path: c.dir + "/" + name, Err: err}
}

// An entry is magic, the hash of all that follows, and that: the key, which must be the one of the name;
// flags; 1 for a listener, else 0; the number of warnings and each with its length; the program. Numbers have
// 32 bits, in the order of the machine, as those of the program itself.
const (
	magic      = "teu-bpf\n"
	sumEnd     = len(magic) + sha256.Size
	headerSize = sumEnd + sha256.Size + 12
)

func encode(k key, e entry) []byte {
	b := make([]byte, sumEnd, headerSize+len(e.filter.BPF))
	copy(b, magic)
	b = append(b, k[:]...)
	listener := uint32(0)
	if e.filter.Listener {
		listener = 1
	}
	for _, n := range []uint32{e.filter.Flags, listener, uint32(len(e.warnings))} {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	for _, w := range e.warnings {
		b = binary.NativeEndian.AppendUint32(b, uint32(len(w)))
		b = append(b, w...)
	}
	b = append(b, e.filter.BPF...)
	sum := sha256.Sum256(b[sumEnd:])
	copy(b[len(magic):], sum[:])
	return b
}

func decode(b []byte, k key) (entry, error) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return entry{}, errors.New("not an entry")
	}
	if sha256.Sum256(b[sumEnd:]) != [sha256.Size]byte(b[len(magic):sumEnd]) {
		return entry{}, errors.New("hash does not match")
	}
	if key(b[sumEnd:sumEnd+sha256.Size]) != k {
		return entry{}, errors.New("entry of another profile")
	}
	num := func(off int) uint32 { return binary.NativeEndian.Uint32(b[off:]) }
	const flags = sumEnd + sha256.Size
	e := entry{filter: Filter{Flags: num(flags), Listener: num(flags+4) == 1}}
	rest := b[headerSize:]
	for range num(flags + 8) {
		if len(rest) < 4 || uint64(binary.NativeEndian.Uint32(rest)) > uint64(len(rest)-4) {
			return entry{}, errors.New("warnings cut off")
		}
		n := binary.NativeEndian.Uint32(rest)
		e.warnings = append(e.warnings, string(rest[4:4+n]))
		rest = rest[4+n:]
	}
	if len(rest) == 0 || len(rest)%sys.SockFilterSize != 0 {
		return entry{}, errors.New("no whole program")
	}
	e.filter.BPF = rest
	return e, nil
}
