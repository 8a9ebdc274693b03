package store

import "time"

// Phase is how far a container has come. Whether it is stopped is not
// recorded: it is, when its process is gone.
type Phase string

// The phases in their order.
const (
	Creating Phase = "creating" // the intent record; side effects may exist
	Created  Phase = "created"  // init waits at the gate
	Running  Phase = "running"  // the gate was opened
)

// Process names a process for good: a pid alone is reused.
type Process struct {
	Pid int `json:"pid"`

	// Start is when it started, in clock ticks since boot (field 22 of
	// /proc/PID/stat, proc(5)).
	Start uint64 `json:"start"`
}

// Span is where a member's value stands in the text of the kept config.json.
type Span struct {
	From int `json:"from"`
	To   int `json:"to"` // one behind its end
}

// State is the record of a container.
type State struct {
	// Version is the ociVersion of the bundle's config.json.
	Version string `json:"ociVersion"`
	ID      string `json:"id"`
	Phase   Phase  `json:"phase"`

	// Init is the container's first process, once it exists; Runtime is the
	// teu process that creates the container.
	Init    Process `json:"init"`
	Runtime Process `json:"runtime"`

	Created time.Time `json:"created"`

	// Bundle and Rootfs are absolute paths on the host.
	Bundle string `json:"bundle"`
	Rootfs string `json:"rootfs"`

	// Config is the path of the configuration that the container was made
	// from. What it held then is kept beside the record: the bundle may have
	// changed since.
	Config string `json:"config,omitempty"`

	// UID is the effective user id of who made the container.
	UID uint32 `json:"uid"`

	// Boot is the boot of the machine that the container was made in, as [Boot] has it; "" when that is not known, as in the
	// records of older versions. The pids, cgroups and groups that a record of another boot names are others' by now: they
	// are zero once it is read, and Stale says so.
	Boot  string `json:"boot,omitempty"`
	Stale bool   `json:"-"`

	// AnnotationsAt and HooksAt are where the kept config.json has the annotations, and the hooks when some are due after
	// create: the bundle may be gone when they are due. They are zero when there are none.
	AnnotationsAt Span `json:"annotationsAt,omitzero"`
	HooksAt       Span `json:"hooksAt,omitzero"`

	// Annotations are those of config.json. The record does not hold them, see [Store.ReadWhole] and
	// [Container.LoadAnnotations], unless an older version has written it.
	Annotations map[string]string `json:"-"`

	// Namespaces is where init was when it was ready, its namespaces and its root; opaque to this package.
	Namespaces string `json:"namespaces,omitempty"`

	// Cgroup is the record of the cgroup manager, opaque to this package, and CgroupIDs says which cgroups it made.
	Cgroup    string `json:"cgroup,omitempty"`
	CgroupIDs string `json:"cgroupIDs,omitempty"`

	// IntelRdt is the record of the resctrl group, opaque to this package.
	IntelRdt string `json:"intelRdt,omitempty"`

	// Keyring is the name of the session keyring of the container's processes.
	Keyring string `json:"keyring,omitempty"`

	oldHooks []byte // of the record of an older version: the text that HooksAt leads to now
}
