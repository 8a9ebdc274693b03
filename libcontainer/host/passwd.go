package host

import (
	"errors"
	"iter"
	"os"
	"strconv"
	"strings"
	"syscall"

	"teu/internal/sys"
)

// user is a line of /etc/passwd (passwd(5)).
type user struct {
	name string
	uid  uint32
	home string // "" in a line that ends before it
}

// users yields the users in the text of /etc/passwd. A line without a numeric uid is not a user's.
func users(text string) iter.Seq[user] {
	return func(yield func(user) bool) {
		for line := range strings.SplitSeq(text, "\n") {
			f := strings.Split(line, ":")
			if len(f) < 4 {
				continue
			}
			uid, err := strconv.ParseUint(f[2], 10, 32)
			if err != nil {
				continue
			}
			u := user{name: f[0], uid: uint32(uid)}
			if len(f) > 5 {
				u.home = f[5]
			}
			if !yield(u) {
				return
			}
		}
	}
}

// UserName returns the name of a user of this machine by its /etc/passwd, "#uid" for one without a name. An entry for NIS,
// which begins with a plus or a minus, gives none.
func UserName(uid uint32) string { return userName("/etc/passwd", uid) }

func userName(passwd string, uid uint32) string {
	if text, err := os.ReadFile(passwd); err == nil {
		for u := range users(string(text)) {
			if u.uid == uid && u.name != "" && u.name[0] != '+' && u.name[0] != '-' {
				return u.name
			}
		}
	}
	return "#" + strconv.FormatUint(uint64(uid), 10)
}

// maxPasswd bounds what is read of a container's /etc/passwd, which is somebody else's file.
const maxPasswd = 1 << 20

// Home returns the home directory of a user of a container, "/" for one without. The passwd file is at path below the
// directory root, and nothing at the path, not even a link, leads out of that.
func Home(root int, path string, uid uint32) (string, error) {
	fd, st, err := sys.OpenRegular(root, path)
	for _, none := range [...]error{syscall.ENOENT, syscall.ENOTDIR, syscall.ELOOP, syscall.EINVAL} {
		if errors.Is(err, none) {
			return "/", nil
		}
	}
	if err != nil {
		return "", err
	}
	defer sys.Close(fd)
	data := make([]byte, min(st.Size, maxPasswd))
	n, err := sys.Pread(fd, data, 0)
	if err != nil {
		return "", err
	}
	return homeOf(string(data[:n]), uid), nil
}

func homeOf(passwd string, uid uint32) string {
	for u := range users(passwd) {
		if u.uid == uid && strings.HasPrefix(u.home, "/") {
			return u.home
		}
	}
	return "/"
}
