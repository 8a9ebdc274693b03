package program

// The bytes that a process which the interpreter runs and the runtime say to each other, over the control socket and at the
// gate; FORMAT.md shows their order. A byte has one meaning, whoever says it. interp.h holds those that the interpreter
// says by itself (BYTE_FORKED…); the others reach it as arguments of Sync.
const (
	// ByteForked: the report holds the pid of the process that goes on.
	ByteForked = 'f'
	// ByteOffsets: init waits for its time offsets.
	ByteOffsets = 't'
	// ByteCgroup: init waits for its cgroup.
	ByteCgroup = 'c'
	// ByteHooks: the runtime environment is there, for prestart and createRuntime hooks.
	ByteHooks = 'h'
	// ByteReady: nothing is left to do but to open the gate, or to exec.
	ByteReady = 'r'
	// ByteAtGate: init says so to whoever connects to its gate, with its report page and its program.
	ByteAtGate = 'a'
	// ByteGo: `start` opens the gate.
	ByteGo = 'g'
	// ByteAttached: the mounts that a running container was to get are there.
	ByteAttached = 'm'
)
