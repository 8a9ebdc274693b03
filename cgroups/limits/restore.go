package limits

import "strings"

// Undo is what to write to the file of w to get back what w changes in it; text is what the file held before. It is false
// for a file that cannot be put back by what it shows.
func (w *Write) Undo(text string) (value string, ok bool) {
	if w.File == "memory.oom_control" { // "oom_kill_disable 0", and counts
		text, _, _ = strings.Cut(text, "\n")
		return strings.CutPrefix(text, "oom_kill_disable ")
	}
	if !w.keyed() {
		switch {
		case text == "":
			return "\n", true // a write of no bytes would say nothing
		case strings.Contains(text, "\n"):
			return "", false
		}
		return text, true
	}
	key, _, hasKey := strings.Cut(w.Value, " ")
	if !hasKey {
		key = "default" // io.weight; v1 shows only that
	}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 && f[0] == key {
			return strings.Join(f, " "), true
		}
	}
	switch {
	case !hasKey:
		return text, !strings.Contains(text, "\n")
	case w.File == "io.max":
		return key + " rbps=max wbps=max riops=max wiops=max", true
	case strings.HasPrefix(w.File, "blkio.throttle."):
		return key + " 0", true
	case strings.Contains(w.File, "weight"):
		return key + " default", true
	}
	return "", false
}

// keyed tells that the file has a line for each device or interface, and takes one in a write.
func (w *Write) keyed() bool {
	switch {
	case strings.HasPrefix(w.File, "io."), strings.HasPrefix(w.File, "blkio."), strings.HasPrefix(w.File, "dmem."):
		return true
	}
	return w.File == "rdma.max" || w.File == "misc.max" || w.File == "net_prio.ifpriomap"
}
