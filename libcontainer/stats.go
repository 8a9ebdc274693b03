package libcontainer

import (
	"encoding/json"
	"fmt"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/cgroups/stats"
	"teu/libcontainer/intelrdt"
	"teu/libcontainer/store"
)

// Stats is what a container uses, with runc's names and units.
type Stats struct {
	stats.Stats
	IntelRdt intelrdt.Stats `json:"intel_rdt"`
	// NetworkInterfaces is null, as from runc: the interfaces of a container are not the runtime's.
	NetworkInterfaces []struct{} `json:"network_interfaces"`
}

// Event is one line of `events`.
type Event struct {
	Type string `json:"type"` // "stats" or "oom"
	ID   string `json:"id"`
	Data *Stats `json:"data,omitempty"`
}

// JSON is the event as encoding/json would write it, in a line.
func (e *Event) JSON() ([]byte, error) {
	b := append(make([]byte, 0, 4096), `{"type":`...)
	b = append(strconv.AppendQuote(b, e.Type), `,"id":`...)
	b = strconv.AppendQuote(b, e.ID) // which is ASCII without anything to escape
	if e.Data == nil {
		return append(b, '}'), nil
	}
	b = e.Data.AppendJSON(append(b, `,"data":{`...))
	b = append(b, `,"intel_rdt":`...)
	if e.Data.IntelRdt.Empty() {
		b = append(b, "{}"...)
	} else {
		rdt, err := json.Marshal(&e.Data.IntelRdt)
		if err != nil {
			return nil, err
		}
		b = append(b, rdt...)
	}
	return append(b, `,"network_interfaces":null}}`...), nil
}

// Stats returns what the container uses now, as an event.
func (r *Runtime) Stats(id string) (*Event, error) {
	st, err := r.watched(id)
	if err != nil {
		return nil, err
	}
	cg, err := loadCgroup(st)
	if err != nil {
		return nil, err
	}
	if err := cg.whole(); err != nil {
		return nil, fmt.Errorf("events of container %q: %w", id, err)
	}
	return statsOf(st, cg)
}

// watched is the record of a container that uses something.
func (r *Runtime) watched(id string) (*store.State, error) {
	st, err := r.store().Read(id)
	if err != nil {
		return nil, err
	}
	status, err := r.status(st)
	if err != nil {
		return nil, err
	}
	r.Log.Debugf("events of container %q: %s, process %d", id, status, st.Init.Pid)
	if status == specs.StateStopped || status == specs.StateCreating {
		return nil, notRunning(id, status)
	}
	return st, nil
}

// notRunning is in runc's words.
func notRunning(id string, status specs.ContainerState) error {
	return fmt.Errorf("container with id %s is not running: it is %s", id, status)
}

func statsOf(st *store.State, cg *cgroup) (*Event, error) {
	data := &Stats{Stats: stats.Stats{Hugetlb: map[string]stats.Hugetlb{}}}
	if cg.Manager != nil {
		s, err := cg.Stats()
		if err != nil {
			return nil, err
		}
		data.Stats = *s
	}
	g, err := loadRdt(st)
	if err == nil && g != nil {
		data.IntelRdt, err = g.Stats()
	}
	if err != nil {
		return nil, err
	}
	return &Event{Type: "stats", ID: st.ID, Data: data}, nil
}
