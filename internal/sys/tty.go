package sys

import "golang.org/x/sys/unix"

// Termios is struct termios (kernel layout).
type Termios = unix.Termios

// Winsize is struct winsize: rows and columns, and pixels nobody sets.
type Winsize = unix.Winsize

// VEOF is where Termios.Cc has the character that ends the input (termios(3)).
const VEOF = unix.VEOF

// ICANON is the flag in Termios.Lflag of a terminal that is read by lines (termios(3)).
const ICANON = unix.ICANON

// GetTermios is tcgetattr(3). ENOTTY tells that fd is no terminal.
func GetTermios(fd int) (*Termios, error) { return unix.IoctlGetTermios(fd, unix.TCGETS) }

// SetTermios is tcsetattr(3) with TCSANOW.
func SetTermios(fd int, t *Termios) error { return unix.IoctlSetTermios(fd, unix.TCSETS, t) }

// RawKeepOutput is cfmakeraw(3) on a copy of t, but with output processing
// (OPOST) left on: the relayed pseudo-terminal sends bare newlines (see
// ClearONLCR) and the terminal in front of the user adds the carriage return.
func RawKeepOutput(t *Termios) *Termios {
	raw := *t
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP |
		unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag |= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag &^= unix.CSIZE | unix.PARENB
	raw.Cflag |= unix.CS8
	raw.Cc[unix.VMIN] = 1
	raw.Cc[unix.VTIME] = 0
	return &raw
}

// ClearONLCR makes the terminal send newlines as they are.
func ClearONLCR(fd int) error {
	t, err := GetTermios(fd)
	if err != nil {
		return err
	}
	t.Oflag &^= unix.ONLCR
	return SetTermios(fd, t)
}

// GetWinsize is TIOCGWINSZ.
func GetWinsize(fd int) (*Winsize, error) { return unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ) }

// SetWinsize is TIOCSWINSZ; on a master it sends SIGWINCH to the foreground
// process group of the slave when the size changes.
func SetWinsize(fd int, ws *Winsize) error {
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, ws)
}

// OpenPTY opens a master of the devpts instance behind /dev/ptmx, unlocks its
// slave, and opens that without a path (TIOCGPTPEER, Linux 4.13).
func OpenPTY() (master, slave int, err error) {
	master, err = Openat(AtFdcwd, "/dev/ptmx", ORdwr|ONoctty, 0)
	if err != nil {
		return -1, -1, err
	}
	if err = unix.IoctlSetPointerInt(master, Tiocsptlck, 0); err == nil {
		slave, err = ptyPeer(master)
	}
	if err != nil {
		Close(master)
		return -1, -1, err
	}
	return master, slave, nil
}

func ptyPeer(master int) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), Tiocgptpeer,
		ORdwr|ONoctty|unix.O_CLOEXEC)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}
