package seccomp

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
)

// format numbers what compile makes of a profile and how the cache writes it down. It must change with
// either: TestFilterFormat says so when the filters changed.
const format = 2

// key stands for a profile and all else that its filter depends on: what makes filters, on what machine.
type key [sha256.Size]byte

func (k key) name() string { return hex.EncodeToString(k[:]) }

// keyOf hashes all of the profile that compile looks at. SHA-256 costs 45 µs of process start for its
// package (Go 1.26, its FIPS 140 relatives included) and 10 µs for a profile of 400 names; a hash without
// the package would take as long for its arithmetic.
func keyOf(p *specs.LinuxSeccomp) key {
	major, minor, micro := libseccomp.GetLibraryVersion()
	b := make([]byte, 0, 8<<10)
	for _, n := range []uint{format, major, minor, micro} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = appendString(b, runtime.GOARCH)
	b = appendString(b, p.DefaultAction)
	b = appendOptional(b, p.DefaultErrnoRet)
	b = appendStrings(b, p.Architectures)
	b = appendStrings(b, p.Flags)
	b = binary.AppendUvarint(b, uint64(len(p.Syscalls)))
	for i := range p.Syscalls {
		s := &p.Syscalls[i]
		b = appendStrings(b, s.Names)
		b = appendString(b, s.Action)
		b = appendOptional(b, s.ErrnoRet)
		b = binary.AppendUvarint(b, uint64(len(s.Args)))
		for _, a := range s.Args {
			b = binary.AppendUvarint(b, uint64(a.Index))
			b = binary.AppendUvarint(b, a.Value)
			b = binary.AppendUvarint(b, a.ValueTwo)
			b = appendString(b, a.Op)
		}
	}
	return sha256.Sum256(b)
}

func appendString[T ~string](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendStrings tells a list that is not there from an empty one: for flags they differ.
func appendStrings[T ~string](b []byte, list []T) []byte {
	if list == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(list))+1)
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendOptional(b []byte, n *uint) []byte {
	if n == nil {
		return append(b, 0)
	}
	return binary.AppendUvarint(append(b, 1), uint64(*n))
}
