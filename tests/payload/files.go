package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A fileInfo is what lstat says of a path, or why it says nothing.
type fileInfo struct {
	Path  string `json:"path"`
	Error string `json:"error,omitempty"`
	Type  string `json:"type,omitempty"` // file, dir, symlink, char, block, fifo, socket
	Mode  string `json:"mode,omitempty"` // permission bits with setuid, setgid and sticky, in octal: "1777"
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
	Size  int64  `json:"size"`
	Nlink uint64 `json:"nlink"`
	Rdev  string `json:"rdev,omitempty"` // of a device: "major:minor"
	Dev   string `json:"dev,omitempty"`  // of the file system it is on
}

var fileTypes = map[uint32]string{
	syscall.S_IFREG: "file", syscall.S_IFDIR: "dir", syscall.S_IFLNK: "symlink", syscall.S_IFCHR: "char",
	syscall.S_IFBLK: "block", syscall.S_IFIFO: "fifo", syscall.S_IFSOCK: "socket",
}

func stat(args []string) error {
	infos := make([]fileInfo, 0, len(args))
	for _, path := range args {
		infos = append(infos, lstat(path))
	}
	return printJSON(infos)
}

func lstat(path string) fileInfo {
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return fileInfo{Path: path, Error: errnoName(err.(syscall.Errno))}
	}
	info := fileInfo{
		Path: path, Type: fileTypes[st.Mode&syscall.S_IFMT], Mode: strconv.FormatUint(uint64(st.Mode&0o7777), 8),
		UID: st.Uid, GID: st.Gid, Size: st.Size, Nlink: uint64(st.Nlink), Dev: deviceName(uint64(st.Dev)),
	}
	if info.Type == "char" || info.Type == "block" {
		info.Rdev = deviceName(uint64(st.Rdev))
	}
	return info
}

// deviceName splits a dev_t as the kernel lays it out in 64 bits (glibc's gnu_dev_major).
func deviceName(dev uint64) string {
	major := dev>>8&0xfff | dev>>32&^0xfff
	minor := dev&0xff | dev>>12&^0xff
	return fmt.Sprintf("%d:%d", major, uint32(minor))
}

func deviceNumber(major, minor uint64) uint64 {
	return major&0xfff<<8 | major&^0xfff<<32 | minor&0xff | minor&^0xff<<12
}

func readlink(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	target, err := os.Readlink(args[0])
	if err == nil {
		fmt.Println(target)
	}
	return err
}

func ls(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	entries, err := os.ReadDir(args[0]) // sorted
	for _, entry := range entries {
		fmt.Println(entry.Name())
	}
	return err
}

func write(args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	return os.WriteFile(args[0], []byte(args[1]), 0o644)
}

func mknod(args []string) error {
	kinds := map[string]uint32{"c": syscall.S_IFCHR, "b": syscall.S_IFBLK, "p": syscall.S_IFIFO}
	if len(args) != 4 || kinds[args[1]] == 0 {
		return errUsage
	}
	major, majorErr := strconv.ParseUint(args[2], 10, 32)
	minor, minorErr := strconv.ParseUint(args[3], 10, 32)
	if majorErr != nil || minorErr != nil {
		return errUsage
	}
	return syscall.Mknod(args[0], kinds[args[1]]|0o600, int(deviceNumber(major, minor)))
}

func open(args []string) error {
	modes := map[string]int{"r": syscall.O_RDONLY, "w": syscall.O_WRONLY, "rw": syscall.O_RDWR}
	if len(args) != 2 {
		return errUsage
	}
	mode, known := modes[args[1]]
	if !known {
		return errUsage
	}
	fd, err := syscall.Open(args[0], mode|syscall.O_CLOEXEC|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	fmt.Println("ok")
	return syscall.Close(fd)
}

func sysctl(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	name, value, set := strings.Cut(args[0], "=")
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, ".", "/")
	}
	path := filepath.Join("/proc/sys", name)
	if set {
		return os.WriteFile(path, []byte(value), 0)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}

// openFDs lists /proc/self/fd but for the fd it reads it by. It makes its calls itself: package os might open an epoll fd.
func openFDs() (any, error) {
	const dir = "/proc/self/fd"
	reader, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(reader)
	var names []string
	for buf := make([]byte, 8192); ; {
		n, err := syscall.ReadDirent(reader, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		_, _, names = syscall.ParseDirent(buf[:n], -1, names)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == strconv.Itoa(reader) })
	return links(dir, names)
}

// links reads the links of those names in dir.
func links(dir string, names []string) (map[string]string, error) {
	targets := make(map[string]string, len(names))
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		targets[name] = target
	}
	return targets, nil
}
