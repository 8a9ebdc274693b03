package cri

import (
	"os"
	"strings"
	"time"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

var logChecks = checks{
	{Name: "log", Do: func(c cri) {
		ct := c.up(c.pod(), "echo out; echo err >&2; printf 'no newline'")
		c.ended(ct)
		c.is("the output", c.said(ct, "stdout"), "out\nno newline")
		c.is("the errors", c.said(ct, "stderr"), "err\n")
		for _, l := range c.lines(ct) {
			if _, err := time.Parse(time.RFC3339Nano, l.time); err != nil || (l.tag == "F") == (l.text == "no newline") {
				c.Errorf("line of the log: got %v, time parsed with %v; want a time, and the tag F unless it is without newline", l, err)
			}
		}
	}},
	{Name: "log, whole", Do: func(c cri) {
		ct := c.up(c.pod(), "dd if=/dev/zero bs=1024 count=2048 2>/dev/null | tr '\\0' x; dd if=/dev/zero bs=1024 count=64 2>/dev/null | tr '\\0' y >&2")
		c.ended(ct)
		if out, errs := c.said(ct, "stdout"), c.said(ct, "stderr"); strings.Trim(out, "x") != "" || len(out) != 2<<20 || len(errs) != 64<<10 {
			c.Errorf("whole log: got %d bytes of output, %d of errors; want %d, all of them x, and %d", len(out), len(errs), 2<<20, 64<<10)
		}
	}},
	{Name: "log opened anew", Do: func(c cri) {
		ct := c.up(c.pod(), "while :; do echo tick; sleep 0.05; done")
		c.logged(ct, "tick")
		c.Check(os.Rename(ct.log, ct.log+".1"))
		got(c.runtime.ReopenContainerLog(bg, &v1.ReopenContainerLogRequest{ContainerId: ct.id}))(c.T)
		c.logged(ct, "tick")
	}},
	{Name: "log of a terminal", Do: func(c cri) {
		ct := c.up(c.pod(), "tty; [ -t 1 ] && [ -t 2 ] && echo terminal; echo err >&2", func(config *v1.ContainerConfig) { config.Tty = true })
		c.ended(ct)
		c.is("the output", strings.ReplaceAll(c.said(ct, "stdout"), "\r", ""), "/dev/pts/0\nterminal\nerr\n")
	}},
}
