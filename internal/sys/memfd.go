package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// MemfdExec makes an empty memfd that may be executed and sealed (memfd_create(2)).
func MemfdExec(name string) (int, error) {
	// MFD_EXEC is Linux 6.3; where vm.memfd_noexec is not set the older kernels' default is the same.
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	return fd, os.NewSyscallError("memfd_create", err)
}

// Memfd makes a memfd of size bytes.
func Memfd(name string, size int64) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	if size > 0 {
		if err := unix.Ftruncate(fd, size); err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("ftruncate", err)
		}
	}
	return fd, nil
}

// Seal sets every seal on a memfd: nobody changes its size or content any more.
//
// It is EBUSY while the kernel itself holds a page for longer than fcntl waits, some 150 ms, as reclaim and migration do for a
// moment (mm/memfd.c, memfd_wait_for_pins). With a writable mapping, which none of ours has, it would stay so.
func Seal(fd int) (err error) {
	const tries = 20
	for range tries {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS,
			unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
		if err != unix.EBUSY {
			break
		}
	}
	return os.NewSyscallError("fcntl F_ADD_SEALS", err)
}

// SealSize sets the seals on a memfd that keep its size: whoever has it mapped gets no SIGBUS.
func SealSize(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW)
	return os.NewSyscallError("fcntl F_ADD_SEALS", err)
}

// Sealed reports whether fd is a memfd nobody can change.
func Sealed(fd int) bool {
	const all = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil && seals&all == all
}

// Pread fills b from offset off and returns how much there was.
func Pread(fd int, b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) {
		m, err := unix.Pread(fd, b[n:], off+int64(n))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, os.NewSyscallError("pread", err)
		}
		if m == 0 {
			break
		}
		n += m
	}
	return n, nil
}

// CopyFile copies all of src to dst in the kernel (sendfile(2)).
func CopyFile(dst, src int, size int64) error {
	var off int64
	for off < size {
		n, err := unix.Sendfile(dst, src, &off, int(size-off))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("sendfile", err)
		}
		if n == 0 {
			return os.NewSyscallError("sendfile", unix.EIO)
		}
	}
	return nil
}
