package spec

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// ConfigFile is the name of the configuration in a bundle (bundle.md).
const ConfigFile = "config.json"

// MaxSize bounds the files read here, in bytes. The arguments and the environment of one execve cannot pass
// 6 MiB (execve(2)), and annotations come from stores with smaller bounds.
const MaxSize = 16 << 20

// Load reads bundle/config.json, or config.json in the working directory where bundle is "". What it accepts is what encoding/json
// accepts for the same type: unknown names, null for nothing. It differs in that
//   - a name in another case is an unknown one (config.md, "Extensibility");
//   - a name given twice in one object is an error: which one counts differs between parsers;
//   - bytes that are not UTF-8, and half a surrogate pair, are errors: they would become U+FFFD, and a path another path;
//   - a NUL in a string is an error: it would end the C string that it becomes;
//   - a file longer than MaxSize is an error;
//   - sections and fields for other platforms are not looked at (config.md, "Platform-specific
//     configuration"), but for their syntax.
//
// It says nothing about the sense of what it read: see Validate. An error of the file itself is an
// *fs.PathError, one of its text an *Error.
func Load(bundle string) (*specs.Spec, error) {
	s, _, _, err := LoadFile(configPath(bundle))
	return s, err
}

// LoadFile is Load of the file that is named, with the text that was read, and warnings of names that are ignored though they are known in
// another case.
func LoadFile(name string) (s *specs.Spec, text []byte, ignored []Problem, err error) {
	if text, err = readFile(name); err != nil {
		return nil, nil, nil, err
	}
	s, ignored, err = decode(name, text, (*decoder).readVersioned)
	return s, text, ignored, err
}

func configPath(bundle string) string {
	if bundle == "" {
		return ConfigFile
	}
	return strings.TrimSuffix(bundle, "/") + "/" + ConfigFile
}

// Reading is all that Read found out about a config.json.
type Reading struct {
	Spec *specs.Spec // nil when it is not JSON; what is of the wrong type is zero
	// Errors are where it is not JSON or not of the right types, in the order of the text.
	Errors []*Error
	// Ignored warns of what Load skips: names that nobody knows, and what is for other platforms.
	Ignored []Problem
}

// Read is Load for who wants to know all that is wrong.
func Read(bundle string) (*Reading, error) {
	name := configPath(bundle)
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	d := newDecoder(string(data))
	d.keepSkipped = true
	r := &Reading{Spec: decodeWith(&d, (*decoder).readVersioned)}
	if r.Errors = d.errors(name); d.Failed() {
		r.Spec = nil
	}
	r.Ignored = d.ignored()
	return r, nil
}

// LoadProcess reads a file that holds a process object alone, as `exec --process` takes it, by the rules of
// Load, but for one: see readAny. ignored is as of LoadFile.
func LoadProcess(name string) (p *specs.Process, ignored []Problem, err error) {
	data, err := readAny(name)
	if err != nil {
		return nil, nil, err
	}
	return decode(name, data, (*decoder).readProcess)
}

// Decode reads the text of a config.json by the rules of Load; name is its file in errors.
func Decode(name string, data []byte) (*specs.Spec, error) {
	s, _, err := decode(name, data, (*decoder).readVersioned)
	return s, err
}

// readVersioned is readSpec by the version of the specification that config.json names.
func (d *decoder) readVersioned(s *specs.Spec) {
	d.readSpec(s)
	older(s)
}

// DecodeProcess reads the text of a process object by the rules of Load; name is its file in errors.
func DecodeProcess(name string, data []byte) (*specs.Process, error) {
	p, _, err := decode(name, data, (*decoder).readProcess)
	return p, err
}

// DecodeHooks reads the text of a hooks object by the rules of Load; name is its file in errors.
func DecodeHooks(name string, data []byte) (*specs.Hooks, error) {
	h, _, err := decode(name, data, (*decoder).readHooks)
	return h, err
}

// LoadResources reads a file that holds a linux.resources object alone by the rules of Load.
func LoadResources(name string) (*specs.LinuxResources, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	r, _, err := DecodeResources(name, data)
	return r, err
}

// LoadGivenResources is LoadResources of a file that the caller names, as with `update --resources`: see readAny. ignored is
// as of LoadFile.
func LoadGivenResources(name string) (r *specs.LinuxResources, ignored []Problem, err error) {
	data, err := readAny(name)
	if err != nil {
		return nil, nil, err
	}
	return DecodeResources(name, data)
}

// DecodeResources reads the text of a linux.resources object, as `update --resources` takes it, by the rules
// of Load; name is its file in errors. ignored is as of LoadFile.
func DecodeResources(name string, data []byte) (r *specs.LinuxResources, ignored []Problem, err error) {
	return decode(name, data, (*decoder).readLinuxResources)
}

// LoadMounts reads a file that holds an array of mounts alone, as crun's `mounts add` takes it, or an object that has it as config.json
// does, by the rules of Load, but for one: see readAny.
func LoadMounts(name string) ([]specs.Mount, error) {
	data, err := readAny(name)
	if err != nil {
		return nil, err
	}
	d := newDecoder(string(data))
	if d.Peek() != '[' {
		s, err := Decode(name, data)
		if err != nil {
			return nil, err
		}
		return s.Mounts, nil
	}
	var list []specs.Mount
	slice(&d, &list, "array of objects", (*decoder).readMount)
	d.end("array")
	return list, d.fault(name)
}

// end refuses what follows the outermost value.
func (d *decoder) end(what string) {
	if d.Peek(); d.Pos < len(d.Text) {
		d.Fail(d.Pos, "unexpected text after the end of the "+what)
	}
}

// fault is the first error of the text, with the number of the others, or nil.
func (d *decoder) fault(name string) error {
	if !d.Failed() && len(d.Notes) == 0 {
		return nil
	}
	all := d.errors(name)
	all[0].More = len(all) - 1
	return all[0]
}

func decode[T any](name string, data []byte, read func(*decoder, *T)) (v *T, ignored []Problem, err error) {
	if len(data) > MaxSize {
		return nil, nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EFBIG}
	}
	d := newDecoder(string(data))
	v = decodeWith(&d, read)
	if err := d.fault(name); err != nil {
		return nil, nil, err
	}
	return v, d.ignored(), nil
}

func decodeWith[T any](d *decoder, read func(*decoder, *T)) *T {
	v := new(T)
	switch {
	case d.Peek() == 0 && d.Pos == len(d.Text):
		d.Fail(d.Pos, "the file is empty")
	case strings.HasPrefix(d.Text, "\xef\xbb\xbf"):
		d.Fail(0, "the file begins with a byte order mark, want UTF-8 without one")
	case d.Peek() != '{':
		d.Mistyped("object")
	default:
		read(d, v)
	}
	d.end("object")
	return v
}

// readFile reads a regular file of at most MaxSize bytes. Anything else, a FIFO above all, is not waited for.
func readFile(name string) ([]byte, error) {
	return readChecked(name, sys.ONonblock, func(st *sys.Stat) error {
		if !sys.IsRegular(st) {
			return fmt.Errorf("not a regular file: %w", syscall.EINVAL)
		}
		return nil
	})
}

// readAny reads a file of at most MaxSize bytes that may be anything that can be read: a pipe too, as /dev/stdin or the
// /dev/fd/N of a process substitution, whose writer is waited for. It is for what the caller of teu names, and gives, and is
// not to be called with a container's lock held.
func readAny(name string) ([]byte, error) {
	return readChecked(name, 0, func(*sys.Stat) error { return nil })
}

// readChecked opens a file with flags beside O_RDONLY and reads it, unless check has something against what it is.
func readChecked(name string, flags int, check func(*sys.Stat) error) ([]byte, error) {
	fd, err := sys.Openat(sys.AtFdcwd, name, sys.ORdonly|sys.ONoctty|flags, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	st, err := sys.Fstat(fd)
	if err == nil && sys.IsDir(&st) {
		err = syscall.EISDIR
	}
	if err == nil {
		err = check(&st)
	}
	var data []byte
	if err == nil {
		data, err = readTo(fd, st.Size)
	}
	if cerr := sys.Close(fd); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// readTo reads fd to its end, which is expected at size.
func readTo(fd int, size int64) ([]byte, error) {
	if size > MaxSize {
		return nil, syscall.EFBIG
	}
	// One byte more than the size, so that the read that finds the end needs no more room.
	buf := make([]byte, 0, size+1)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := sys.Read(fd, buf[len(buf):cap(buf)])
		if err != nil {
			return nil, err
		}
		buf = buf[:len(buf)+n]
		if n == 0 {
			return buf, nil
		}
		if len(buf) > MaxSize {
			return nil, syscall.EFBIG
		}
	}
}
