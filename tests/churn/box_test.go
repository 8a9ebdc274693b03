package churn

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"teu/tests/kit"
)

// box is a container of one worker's own.
type box struct {
	t      testing.TB
	b      *kit.Bundle
	id     string
	bundle string
	is     state
	// dying: something that was killed, or has killed, may still have its effect. Until it is known to be over, a
	// container that lives may end.
	dying   bool
	execs   int
	history []string
}

// maxExecs bounds the processes that exec adds to a container.
const maxExecs = 3

// can widens the states by what may come by itself.
func (c *box) can() state {
	if c.dying && c.is&alive != 0 {
		return c.is | stopped
	}
	return c.is
}

// choose picks a verb: most times one that works in a state that the container may be in.
func (c *box) choose(rng *rand.Rand) *verb {
	sensible := rng.IntN(10) < 8
	for {
		v := verbs[weighted(rng)]
		if v.name == "exec -d" && c.execs >= maxExecs {
			continue
		}
		works := false
		c.is.each(func(one state) {
			to, refusal := v.does(one)
			works = works || refusal == "" && (to != one || v.name != "delete --force")
		})
		if works || !sensible {
			return v
		}
	}
}

func weighted(rng *rand.Rand) int {
	sum := 0
	for _, v := range verbs {
		sum += v.weight
	}
	n := rng.IntN(sum)
	for i, v := range verbs {
		if n -= v.weight; n < 0 {
			return i
		}
	}
	panic("churn: no verb")
}

// do does v, killed after a while unless kill is 0, and holds what it answers against the model. It returns false when the
// container's states are no longer known.
func (c *box) do(v *verb, kill time.Duration) bool {
	args := make([]string, len(v.args))
	for i, a := range v.args {
		args[i] = strings.NewReplacer("BUNDLE", c.bundle, "ID", c.id).Replace(a)
	}
	before := c.is
	r := teu(c.t, c.b, c.id, kill, args...)
	c.history = append(c.history, fmt.Sprintf("%s%s, dying %v: %v", time.Now().Format("05.000"), before, c.dying, r))
	switch {
	case r.killed && kill > 0:
		c.cut(v)
	case r.killed:
		return false // it hung, which was told
	case r.code == 0:
		return c.succeeded(v, r)
	default:
		return c.refused(v, r)
	}
	return true
}

func (c *box) cut(v *verb) {
	was := c.can()
	c.is = was
	was.each(func(one state) {
		if to, refusal := v.does(one); refusal == "" {
			c.is |= to | v.cut
			if v.cut&stopped != 0 {
				c.is |= one.thawed()
			}
		}
	})
	c.dying = c.dying || v.cut != 0
}

func (c *box) succeeded(v *verb, r *result) bool {
	var next state
	c.can().each(func(one state) {
		if to, refusal := v.does(one); refusal == "" {
			next |= to
		}
	})
	if v == state1 {
		var st struct{ Status string }
		if err := json.Unmarshal([]byte(r.stdout), &st); err != nil {
			return c.wrong("%v: parse the state: %v", r, err)
		}
		next &= shown(st.Status)
		if st.Status == "stopped" {
			c.dying = false
		}
	}
	if next == 0 {
		return c.wrong("%v: it may be%s: want a state in which that succeeds", r, c.can())
	}
	if r.stderr != "" && v.name != "list" {
		return c.wrong("%v: want nothing on stderr", r)
	}
	was := c.can()
	c.is = next
	switch {
	case v.name == "create" || v.name == "run":
		c.dying, c.execs = false, 0
	case v.name == "exec -d":
		c.execs++
	case v.name == "kill" || v.name == "kill --all":
		return c.ended(was | was.thawed())
	}
	if c.is == absent {
		c.dying = false
	}
	return true
}

func (c *box) refused(v *verb, r *result) bool {
	var left state
	c.can().each(func(one state) {
		if to, refusal := v.does(one); refusal != "" && strings.Contains(r.stderr, refusal) {
			left |= to
		}
	})
	if strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "level=error") {
		return c.wrong("%v: want an error of one line", r)
	}
	if left == 0 && c.dying && deadly(r.stderr) {
		left = c.can()
	}
	if left == 0 {
		return c.wrong("%v: it may be%s: want a state in which that is refused so", r, c.can())
	}
	if left&alive == 0 {
		c.dying = false
	}
	c.is = left
	return true
}

// ended waits for what was killed to be stopped; was is what it was before.
func (c *box) ended(was state) bool {
	for end := time.Now().Add(patience); ; {
		c.is, c.dying = was|c.is, true
		if !c.do(state1, 0) {
			return false
		}
		if c.is&alive == 0 {
			return true
		}
		if time.Now().After(end) {
			return c.wrong("%v after it was killed: want it stopped, got:\n%s", patience, lookAt(0, c.id))
		}
	}
}

// wrong reports an answer that does not fit, with how it came to it.
func (c *box) wrong(format string, args ...any) bool {
	const last = 12
	c.t.Errorf("%s\n\t%s\n%s", fmt.Sprintf(format, args...), strings.Join(c.history[max(0, len(c.history)-last):], "\n\t"), c.scene())
	return false
}

// scene is what there is of the container.
func (c *box) scene() string {
	var b strings.Builder
	files, _ := filepath.Glob(c.b.Root + "/" + c.id + "/*")
	for _, f := range files {
		data, _ := os.ReadFile(f) // a socket has none
		if filepath.Base(f) == "config.json" {
			data = nil
		}
		fmt.Fprintf(&b, "%s: %s\n", f, data)
	}
	return b.String()
}

// deadly are the answers to whoever comes while the container ends.
func deadly(stderr string) bool {
	for _, text := range []string{
		"no such process", "init died", "connection reset by peer", "connection refused", "broken pipe", "no such file or directory",
		"no such device", "it is stopped", "container not running",
	} {
		if strings.Contains(stderr, text) {
			return true
		}
	}
	return false
}
