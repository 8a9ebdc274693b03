package churn

import "math/bits"

// state is a set of the states that a container may be in.
type state uint

const (
	absent  state = 1 << iota
	bare          // its directory has no record: create was killed, or delete
	half          // create was killed after it had said what it would make; shown as stopped
	stopped       //
	created       //
	running       //
	paused        // when it was created only
	frozen        // paused when it was running

	some    = bare | half | stopped | created | running | paused | frozen
	over    = half | stopped
	alive   = created | running | paused | frozen
	moving  = created | running
	holding = paused | frozen
)

// names of the states, in their order.
func (s state) String() string {
	text := ""
	for i, name := range []string{"absent", "bare", "half", "stopped", "created", "running", "paused", "frozen"} {
		if s&(1<<i) != 0 {
			text += " " + name
		}
	}
	return text
}

// each calls f with every state of the set.
func (s state) each(f func(one state)) {
	for ; s != 0; s &= s - 1 {
		f(1 << bits.TrailingZeros(uint(s)))
	}
}

// thawed is what a paused container is for a moment when it is killed: it has to go on to die.
func (s state) thawed() (to state) {
	if s&paused != 0 {
		to |= created
	}
	if s&frozen != 0 {
		to |= running
	}
	return to
}

// verb is something to do to a container.
type verb struct {
	name   string
	args   []string // ID is the container's, BUNDLE its bundle
	weight int
	// does gives the state after the verb when it succeeds in one state, or what it says when it has to refuse.
	does func(from state) (to state, refusal string)
	// cut are the states that a killed one may leave; besides that it came from.
	cut state
	// waits tells that its exit code is the status of the container's process.
	waits bool
}

// What teu says of a container that is not in the state for a verb.
const (
	noContainer = "does not exist"
	noRecord    = "half-made"
)

// missing is what every verb says where there is no container to act on.
func missing(from state) string {
	switch from {
	case absent:
		return noContainer
	case bare:
		return noRecord
	}
	return ""
}

// when makes the rule of a verb that works in the states of ok and leaves them as they are, or as then.
func when(ok, then state, refusals map[state]string) func(state) (state, string) {
	return func(from state) (state, string) {
		if from&ok != 0 {
			if then != 0 {
				return then, ""
			}
			return from, ""
		}
		if text := missing(from); text != "" {
			return from, text
		}
		for s, text := range refusals {
			if from&s != 0 {
				return from, text
			}
		}
		panic("churn: no rule for" + from.String())
	}
}

// make is the rule of create and run: what a killed one has left is no obstacle.
func makes(then state) func(state) (state, string) {
	return func(from state) (state, string) {
		if from&(absent|bare|half) != 0 {
			return then, ""
		}
		return from, "already exists"
	}
}

// swap is the rule of pause and resume.
func swap(from, to [2]state, refusals map[state]string) func(state) (state, string) {
	other := when(0, 0, refusals)
	return func(s state) (state, string) {
		for i := range from {
			if s == from[i] {
				return to[i], ""
			}
		}
		return other(s)
	}
}

var verbs = []*verb{
	{
		name: "create", args: []string{"create", "--bundle", "BUNDLE", "ID"}, weight: 14,
		does: makes(created), cut: absent | bare | half | stopped | created,
	},
	{
		name: "run", args: []string{"run", "--detach", "--bundle", "BUNDLE", "ID"}, weight: 4,
		does: makes(running), cut: absent | bare | half | stopped | created | running,
	},
	{ // in the foreground, and deleted when it ends
		name: "run to its end", args: []string{"run", "--bundle", "BUNDLE/short", "ID"}, weight: 3,
		does: makes(absent), cut: absent | bare | half | stopped | created | running, waits: true,
	},
	{
		name: "start", args: []string{"start", "ID"}, weight: 14, cut: created | running | stopped,
		does: when(created, running, map[state]string{over: "it is stopped", running: "it is running", holding: "it is paused"}),
	},
	{
		name: "exec", args: []string{"exec", "ID", "/bin/payload", "true"}, weight: 6, waits: true,
		does: when(moving, 0, map[state]string{over: "it is stopped", holding: "it is paused"}),
	},
	{
		name: "exec -d", args: []string{"exec", "--detach", "ID", "/bin/payload", "sleep", "forever"}, weight: 3,
		does: when(moving, 0, map[state]string{over: "it is stopped", holding: "it is paused"}),
	},
	{
		name: "update", args: []string{"update", "--pids-limit", "500", "--memory", "96m", "ID"}, weight: 6,
		does: when(alive, 0, map[state]string{over: "container not running"}),
	},
	{
		name: "pause", args: []string{"pause", "ID"}, weight: 8, cut: holding,
		does: swap([2]state{created, running}, [2]state{paused, frozen}, map[state]string{
			over: "container not running", holding: "it is paused: container not running",
		}),
	},
	{
		name: "resume", args: []string{"resume", "ID"}, weight: 8, cut: moving,
		does: swap([2]state{paused, frozen}, [2]state{created, running}, map[state]string{
			over: "container not paused", moving: "container not paused",
		}),
	},
	{
		name: "kill", args: []string{"kill", "ID", "KILL"}, weight: 6, cut: stopped,
		does: when(alive, stopped, map[state]string{over: "container not running"}),
	},
	{
		name: "kill --all", args: []string{"kill", "--all", "ID", "KILL"}, weight: 3, cut: stopped,
		does: func(from state) (state, string) {
			if from&alive != 0 {
				return stopped, ""
			}
			return from, missing(from)
		},
	},
	{
		name: "delete", args: []string{"delete", "ID"}, weight: 8, cut: absent | bare | half | stopped,
		does: when(over, absent, map[state]string{alive: "not stopped"}),
	},
	{
		name: "delete --force", args: []string{"delete", "--force", "ID"}, weight: 4, cut: absent | bare | half | stopped,
		does: func(state) (state, string) { return absent, "" },
	},
	{name: "ps", args: []string{"ps", "--format", "json", "ID"}, weight: 2, does: when(some&^bare, 0, nil)},
	{name: "stats", args: []string{"events", "--stats", "ID"}, weight: 2, does: when(moving|holding, 0, map[state]string{over: "not running"})},
	state1,
	{name: "list", args: []string{"list"}, weight: 2, does: func(from state) (state, string) { return from, "" }},
}

// state1 is the verb that tells the state.
var state1 = &verb{name: "state", args: []string{"state", "ID"}, weight: 4, does: when(some&^bare, 0, nil)}

// shown is what state says of them.
func shown(status string) state {
	switch status {
	case "created":
		return created
	case "running":
		return running
	case "paused":
		return holding
	case "stopped":
		return over
	}
	return 0
}
