package rootfs

import "strings"

// maxOption is how long the value of an option may be: fsconfig(2) takes 256 bytes with the NUL at the end, where mount(2)
// has a page for all options together.
const maxOption = 255

// tooLong reports whether the value of opt, an option of a filesystem, is more than can be passed on.
func tooLong(fstype, opt string) bool {
	key, value, _ := strings.Cut(opt, "=")
	if fstype == "overlay" && key == "lowerdir" {
		for _, layer := range layers(value) {
			if tooLong("", layer) {
				return true
			}
		}
		return false
	}
	return len(value) > maxOption
}

// layered gives an overlay its lower layers one by one where the list of them is too long for one option, as Podman's for
// an image may be. Linux has lowerdir+ and datadir+ since 6.8.
func layered(options []string) []string {
	var out []string
	for i, opt := range options {
		list, ok := strings.CutPrefix(opt, "lowerdir=")
		if !ok || len(list) <= maxOption {
			if out != nil {
				out = append(out, opt)
			}
			continue
		}
		if out == nil {
			out = append(out, options[:i]...)
		}
		out = append(out, layers(list)...)
	}
	if out == nil {
		return options
	}
	return out
}

// layers splits what lowerdir holds: directories with colons between them, two before those that hold data alone. A
// backslash takes a colon or another one its meaning; lowerdir+ knows none of that (overlayfs.rst, "Multiple lower layers").
func layers(list string) (options []string) {
	key, dir := "lowerdir+=", []byte{}
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '\\' && i+1 < len(list):
			i++
			dir = append(dir, list[i])
		case c != ':':
			dir = append(dir, c)
		case len(dir) > 0:
			options, dir = append(options, key+string(dir)), dir[:0]
		default:
			key = "datadir+="
		}
	}
	return append(options, key+string(dir))
}
