// Package store keeps one directory per container below the root directory:
//
//	<root>/<id>/intent.json      the record in phase creating, see [State]
//	<root>/<id>/state.json       the record from then on
//	<root>/<id>/.state.json.tmp  its next version, until the rename
//	<root>/<id>/config.json      the configuration that the container was made of
//	<root>/<id>/resources.json   linux.resources after an update, when there was one
//	<root>/<id>/notify/          the socket for sd_notify(3), when teu has one itself
//	<root>/<id>/gate             the socket that init waits at for start
//	<root>/<id>/opened           the gate from then on
//	<root>/<id>/init             the socket that init has until it executes the program
//
// The directory itself is the lock of the container: whoever changes anything
// holds flock(2) on it. The lock belongs to the open file description, so a
// process that inherits the descriptor holds it too, and it is released by the
// kernel however its holders die.
//
//	Create  mkdirat id · openat · flock · fstat = fstatat? · config.json · Write
//	Open    openat id · flock · fstat = fstatat? · read
//	Write   openat tmp · write · renameat
//	Remove  unlinkat state.json, tmp · rmdir id · (unlock)
//
// A directory without a record is half-made: its creator was killed between
// mkdir and the first rename. One whose record cannot be read is damaged.
//
// The record is small, and its writer refuses one that its reader would not
// take. What config.json may make large, annotations and hooks, stays there;
// the record says where in it.
//
// Nothing is synced to disk. Process death cannot tear a rename, and a machine
// that lost power has no containers left for the records to speak of.
package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"teu/internal/sys"
)

const (
	// Two names, so that no rename replaces a file: ext4 answers that by writing the new one out to the disk
	// (auto_da_alloc, ext4(5)), up to some milliseconds where /run is no tmpfs.
	intentName = "intent.json"
	recordName = "state.json"
	tempName   = ".state.json.tmp"

	// GateName is the socket below the directory that init waits at for start.
	GateName = "gate"

	// NotifyDir is the directory for the socket NotifyName that the workload sends sd_notify(3) messages to.
	NotifyDir  = "notify"
	NotifyName = "notify.sock"

	// OpenedName is what the gate is called once a start has seen init go through it and execute the container's program.
	OpenedName = "opened"

	// InitName is the socket below the directory that init has until it executes the container's program.
	InitName = "init"

	// maxRecord bounds what is written: some paths for each cgroup hierarchy make up nearly all of a record. An intent has
	// to leave room for what is known later.
	maxRecord = 1 << 20
	maxIntent = maxRecord / 2

	// maxRead bounds what is read from a record that anything may have damaged. Older versions kept annotations and hooks in
	// it, up to six bytes for each of config.json, which has at most 16 MiB.
	maxRead = 97 << 20

	// intentTime is how long another creation may take from making the
	// directory to writing the intent, some 50 µs, with room for a busy
	// machine. It is looked at again after this time; nothing fails by it.
	intentTime = 20 * time.Millisecond
)

// Store is a root directory of containers.
type Store struct{ Root string }

// Container is one container with its lock held.
type Container struct {
	ID string

	// State is the record as last read or written. When Damage tells why
	// there is none it is the intent, which names what there is to clean up,
	// or nil when that is not to be read either.
	State *State

	// Damage is set when there is no record to go by: [ErrHalfMade], or what
	// is wrong with the record. Such a container can only be removed.
	Damage error

	root *os.File
	dir  *os.File
}

// Dir is the locked directory, O_CLOEXEC like every fd. A process that is
// given it as an extra file keeps the lock until it has closed it or died.
func (c *Container) Dir() *os.File { return c.dir }

// Close drops this process's hold on the lock.
func (c *Container) Close() error {
	c.root.Close()
	return c.dir.Close()
}

// Create makes the directory of id, locks it, keeps the text of config.json, for
// what comes after create (the bundle may have changed by then), and writes the
// intent record, which has to name everything that the caller is about to make. wait bounds
// the wait for the lock (only a removal or another creation can hold it), and
// how long it is tried again after removals that came between.
// A directory without a record is taken over: nothing else was made for it,
// since the record comes before the first side effect.
// Errors: [InvalidIDError], [ExistError], [BusyError], or what the file system
// says; after an error nothing of this call is left but the root directory.
func (s *Store) Create(id string, intent *State, config []byte, wait time.Duration) (*Container, error) {
	if err := ValidateID(id); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.Root, 0o700); err != nil {
		return nil, fmt.Errorf("root directory %s: %w", s.Root, err)
	}
	root, err := s.openRoot()
	if err != nil {
		return nil, err
	}
	// Each lost round means that another process removed the id in between,
	// so a count would say nothing: a busy host may take any number in a row.
	deadline := time.Now().Add(wait)
	for races := 1; ; races++ {
		c, err := makeDir(root, id, wait)
		if _, raced := err.(*NotExistError); raced {
			if time.Now().Before(deadline) {
				continue
			}
			err = fmt.Errorf("create container %q: removed %d times in %v while being made", id, races, wait)
		}
		if err != nil {
			root.Close()
			return nil, err
		}
		if err = c.keep(configName, config); err == nil {
			err = c.Write(intent)
		}
		if err != nil {
			c.Remove()
			c.Close()
			return nil, err
		}
		return c, nil
	}
}

// makeDir makes the directory of id and locks it. It fails with [NotExistError]
// when somebody removed it in between.
func makeDir(root *os.File, id string, wait time.Duration) (*Container, error) {
	rootfd := int(root.Fd())
	err := sys.Mkdirat(rootfd, id, 0o700)
	if err != nil && err != syscall.EEXIST {
		return nil, fmt.Errorf("mkdir %s/%s: %w", root.Name(), id, err)
	}
	// Asked before the lock, so that a second create fails at once however
	// long the first one keeps it; and after it, for one that came between.
	if err == syscall.EEXIST && hasRecord(rootfd, id+"/") {
		return nil, &ExistError{ID: id}
	}
	c, err := lockDir(root, id, min(wait, intentTime))
	if _, busy := err.(*BusyError); busy {
		if hasRecord(rootfd, id+"/") {
			return nil, &ExistError{ID: id}
		}
		c, err = lockDir(root, id, wait)
	}
	if err != nil {
		if _, raced := err.(*NotExistError); !raced {
			sys.Rmdirat(rootfd, id)
		}
		return nil, err
	}
	if hasRecord(int(c.dir.Fd()), "") {
		c.dir.Close()
		return nil, &ExistError{ID: id}
	}
	return c, nil
}

// hasRecord reports whether there is a record at prefix, be it torn or foreign, or what only a container has that had one.
func hasRecord(dir int, prefix string) bool {
	for _, name := range [...]string{intentName, recordName, InitName} {
		if _, err := sys.Lstatat(dir, prefix+name); err != syscall.ENOENT {
			return true
		}
	}
	return false
}

// rootOf opens the root for a container that is to be there.
func (s *Store) rootOf(id string) (*os.File, error) {
	if err := ValidateID(id); err != nil {
		return nil, err
	}
	root, err := s.openRoot()
	if err == syscall.ENOENT {
		return nil, &NotExistError{ID: id}
	}
	return root, err
}

// Open locks an existing container, waiting at most wait, which may be 0, and reads its record.
// A half-made container is no error: see [Container.Damage]. Errors:
// [InvalidIDError], [NotExistError], [BusyError], or what the file system says.
func (s *Store) Open(id string, wait time.Duration) (*Container, error) {
	root, err := s.rootOf(id)
	if err != nil {
		return nil, err
	}
	c, err := lockDir(root, id, wait)
	if err != nil {
		root.Close()
		return nil, err
	}
	c.State, c.Damage = readRecord(int(c.dir.Fd()), id)
	if c.Damage != nil && !errors.Is(c.Damage, ErrHalfMade) {
		c.State, _ = readFile(int(c.dir.Fd()), intentName, id) // better than nothing
	}
	return c, nil
}

// Started says that the container's gate has been opened: its phase is running.
func (c *Container) Started() error {
	dir := int(c.dir.Fd())
	if err := sys.Renameat(dir, GateName, dir, OpenedName); err != nil && err != syscall.ENOENT {
		return fmt.Errorf("record start of container %q: rename %s: %w", c.ID, GateName, err)
	}
	return nil
}

// MakeNotifyDir makes the directory NotifyDir, open to the container's users.
func (c *Container) MakeNotifyDir() error {
	if err := sys.Mkdirat(int(c.dir.Fd()), NotifyDir, 0o755); err != nil && err != syscall.EEXIST {
		return fmt.Errorf("container %q: mkdir %s: %w", c.ID, NotifyDir, err)
	}
	return nil
}

// HasNotifyDir reports whether MakeNotifyDir was called for the container.
func (c *Container) HasNotifyDir() bool {
	_, err := sys.Lstatat(int(c.dir.Fd()), NotifyDir)
	return err == nil
}

// Write replaces the record. The id inside has to be the container's. The phase running is not written: it is created
// without a gate, see Started. A record that would be too long to be read again is refused (EFBIG).
func (c *Container) Write(st *State) error {
	if st.ID != c.ID {
		return fmt.Errorf("write record of container %q: it names %q", c.ID, st.ID)
	}
	data, most := st.encode(), maxRecord
	if st.Phase == Creating {
		most = maxIntent
	}
	if len(data) > most {
		return fmt.Errorf("write record of container %q: %d bytes, at most %d are read again: %w", c.ID, len(data), most, syscall.EFBIG)
	}
	dir := int(c.dir.Fd())
	// One fixed name is enough: only the holder of the lock writes, and what
	// a killed writer left is truncated here.
	fd, err := sys.Openat(dir, tempName, sys.OWronly|sys.OCreat|sys.OTrunc|sys.ONofollow, 0o600)
	if err != nil {
		return fmt.Errorf("write record of container %q: open %s: %w", c.ID, tempName, err)
	}
	err = sys.WriteAll(fd, data)
	if cerr := sys.Close(fd); err == nil {
		err = cerr
	}
	if err == nil {
		name := recordName
		if st.Phase == Creating {
			name = intentName
		}
		err = sys.Renameat(dir, tempName, dir, name)
	}
	if err != nil {
		sys.Unlinkat(dir, tempName)
		return fmt.Errorf("write record of container %q: %w", c.ID, err)
	}
	c.State, c.Damage = st, nil
	return nil
}

// Remove deletes the record and what is beside it, and the directory, and
// keeps the lock until Close. What is gone already is no error. A file that teu
// did not make is left alone and reported with ENOTEMPTY.
func (c *Container) Remove() error {
	dir := int(c.dir.Fd())
	// The records speak of the configuration, so they go before it.
	for _, name := range [...]string{
		GateName, OpenedName, InitName, NotifyDir + "/" + NotifyName, resourcesName, tempName, recordName, intentName, configName,
	} {
		if err := sys.Unlinkat(dir, name); err != nil && err != syscall.ENOENT {
			return fmt.Errorf("remove container %q: unlink %s: %w", c.ID, name, err)
		}
	}
	if err := sys.Rmdirat(dir, NotifyDir); err != nil && err != syscall.ENOENT {
		return fmt.Errorf("remove container %q: rmdir %s: %w", c.ID, NotifyDir, err)
	}
	// Another directory of this name is another container.
	if same, err := isAt(int(c.root.Fd()), c.ID, dir); err != nil || !same {
		return err
	}
	err := sys.Rmdirat(int(c.root.Fd()), c.ID)
	switch err {
	case nil, syscall.ENOENT:
		return nil
	case syscall.ENOTEMPTY:
		return fmt.Errorf("remove container %q: foreign file %s: %w", c.ID, c.foreign(), err)
	}
	return fmt.Errorf("remove container %q: %w", c.ID, err)
}

// foreign names one of the files that keep the directory from being removed.
func (c *Container) foreign() string {
	fd, err := sys.Openat(int(c.dir.Fd()), ".", sys.ORdonly|sys.ODirectory, 0)
	if err != nil {
		return "in it"
	}
	f := os.NewFile(uintptr(fd), c.ID)
	defer f.Close()
	names, err := f.Readdirnames(1)
	if err != nil {
		return "in it"
	}
	return strconv.Quote(names[0])
}

// openRoot opens the root directory and refuses one where others may plant
// records: what they say is acted upon with this process's rights.
func (s *Store) openRoot() (*os.File, error) {
	fd, err := sys.Openat(sys.AtFdcwd, s.Root, sys.ORdonly|sys.ODirectory, 0)
	if err == syscall.ENOENT {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("root directory %s: %w", s.Root, err)
	}
	st, err := sys.Fstat(fd)
	if err == nil {
		err = checkOwner(&st)
	}
	if err == nil && st.Mode&0o002 != 0 && st.Mode&syscall.S_ISVTX == 0 {
		err = fmt.Errorf("writable by everyone (mode %#o)", st.Mode&0o7777)
	}
	if err != nil {
		sys.Close(fd)
		return nil, fmt.Errorf("root directory %s: %w", s.Root, err)
	}
	return os.NewFile(uintptr(fd), s.Root), nil
}

// checkOwner accepts what belongs to this user or to root.
func checkOwner(st *sys.Stat) error {
	if uid := os.Geteuid(); st.Uid != 0 && int(st.Uid) != uid {
		return fmt.Errorf("owned by uid %d, not by %d: %w", st.Uid, uid, syscall.EPERM)
	}
	return nil
}

func openDir(root int, id string) (int, error) {
	fd, err := sys.Openat(root, id, sys.ORdonly|sys.ODirectory|sys.ONofollow, 0)
	if err == syscall.ENOENT {
		return -1, &NotExistError{ID: id}
	}
	if err != nil {
		return -1, fmt.Errorf("open container %q: %w", id, err)
	}
	st, err := sys.Fstat(fd)
	if err == nil {
		err = checkOwner(&st)
	}
	if err == nil && st.Mode&0o022 != 0 { // not one that Create made
		err = fmt.Errorf("writable by others (mode %#o): %w", st.Mode&0o7777, syscall.EPERM)
	}
	if err != nil {
		sys.Close(fd)
		return -1, fmt.Errorf("open container %q: %w", id, err)
	}
	return fd, nil
}
