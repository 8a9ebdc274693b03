package hooks

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/internal/sys"
)

// hook is one hook to be run. Its errors begin with what follows
// "hooks.createRuntime[1]": the field at fault, or ": " and the path.
type hook struct {
	spec  *specs.Hook
	input int    // the state
	dir   string // working directory, "" for teu's own
	to    Streams
	out   *Output
	said  string // ": " and the end of its output, "" for none
}

func (h *hook) run() error {
	timeout, err := h.check()
	if err != nil {
		return err
	}
	p, pidfd, err := h.start()
	if err != nil {
		// The path is there already.
		if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
			err = pe.Err
		}
		return fmt.Errorf(": %s: %w", h.spec.Path, err)
	}
	ended, err := h.watch(pidfd, timeout)
	if !ended {
		// The hook alone, as runc does: what it has put into the background
		// is its own affair.
		p.Kill()
	}
	st, werr := p.Wait()
	h.said = ending(h.out)
	sys.Close(pidfd)
	switch {
	case err != nil:
		return fmt.Errorf(": %s: %w", h.spec.Path, err)
	case !ended:
		return fmt.Errorf(": %s: killed after its timeout of %d s: %w%s",
			h.spec.Path, *h.spec.Timeout, syscall.ETIMEDOUT, h.said)
	case werr != nil:
		return fmt.Errorf(": %s: wait: %w", h.spec.Path, werr)
	case !st.Success():
		return fmt.Errorf(": %s: %v%s", h.spec.Path, st, h.said)
	}
	return nil
}

// check refuses what config.md, "POSIX-platform Hooks", does not allow. timeout is
// negative when there is none.
func (h *hook) check() (timeout time.Duration, err error) {
	if !filepath.IsAbs(h.spec.Path) {
		return 0, fmt.Errorf(".path: %q is not absolute: %w", h.spec.Path, syscall.EINVAL)
	}
	if h.spec.Timeout == nil {
		return -1, nil
	}
	if *h.spec.Timeout <= 0 {
		return 0, fmt.Errorf(".timeout: %d is not greater than zero: %w", *h.spec.Timeout, syscall.EINVAL)
	}
	// A longer time than a Duration holds, 292 years, is as good as that.
	return min(time.Duration(*h.spec.Timeout), math.MaxInt64/time.Second) * time.Second, nil
}

func (h *hook) start() (p *os.Process, pidfd int, err error) {
	// Opened anew for an offset that no other hook moves.
	stdin, err := os.Open("/proc/self/fd/" + strconv.Itoa(h.input))
	if err != nil {
		return nil, -1, err
	}
	defer stdin.Close()
	out, w, err := NewOutput(Streams{})
	if err != nil {
		return nil, -1, err
	}
	output := os.NewFile(uintptr(w), "output")
	defer output.Close()
	args := h.spec.Args
	if len(args) == 0 {
		args = []string{h.spec.Path}
	}
	env := h.spec.Env
	if env == nil {
		env = Environ()
	}
	files := []*os.File{stdin, output, output}
	for i, f := range [2]*os.File{h.to.Out, h.to.Err} {
		if f != nil {
			files[i+1] = f
		}
	}
	p, err = os.StartProcess(h.spec.Path, args, &os.ProcAttr{
		Dir:   h.dir,
		Env:   env,
		Files: files,
		Sys:   &syscall.SysProcAttr{PidFD: &pidfd},
	})
	if err == nil && pidfd < 0 {
		p.Kill()
		p.Wait()
		err = syscall.ENOSYS
	}
	if err != nil {
		out.End()
		return nil, -1, err
	}
	h.out = out
	return p, pidfd, nil
}

// watch waits until the hook has ended, and not until its output has: what the hook leaves in the background may hold it open
// for ever. ended is false when time was up, or with err.
func (h *hook) watch(pidfd int, timeout time.Duration) (ended bool, err error) {
	deadline := time.Now().Add(timeout)
	fds := [1]sys.PollFD{{Fd: int32(pidfd), Events: sys.PollIn}}
	for {
		ms := -1
		if timeout >= 0 {
			left := time.Until(deadline)
			if left <= 0 {
				return false, nil
			}
			ms = int(min((left+time.Millisecond-1)/time.Millisecond, math.MaxInt32)) // poll(2) takes no more at once
		}
		if _, err := sys.Poll(fds[:], ms); err != nil {
			return false, fmt.Errorf("poll: %w", err)
		}
		if fds[0].Revents != 0 {
			return true, nil
		}
	}
}

// ending is ": " and the end of the output, or "".
func ending(o *Output) string {
	s, cut := o.End()
	switch {
	case s == "":
		return ""
	case cut:
		return ": …" + s
	}
	return ": " + s
}
