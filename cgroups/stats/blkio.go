package stats

import (
	"fmt"
	"strconv"
	"strings"

	"teu/cgroups/limits"
)

// Blkio has a table for each thing that v1 counts. v2 counts bytes and operations.
type Blkio struct {
	ServiceBytes []BlkioEntry `json:"ioServiceBytesRecursive,omitempty"`
	Serviced     []BlkioEntry `json:"ioServicedRecursive,omitempty"`
	Queued       []BlkioEntry `json:"ioQueueRecursive,omitempty"`
	ServiceTime  []BlkioEntry `json:"ioServiceTimeRecursive,omitempty"`
	WaitTime     []BlkioEntry `json:"ioWaitTimeRecursive,omitempty"`
	Merged       []BlkioEntry `json:"ioMergedRecursive,omitempty"`
	Time         []BlkioEntry `json:"ioTimeRecursive,omitempty"`
	Sectors      []BlkioEntry `json:"sectorsRecursive,omitempty"`
	PSI          *PSI         `json:"psi,omitempty"`
}

// BlkioEntry counts for one device what Op names: "Read", "Write", "Sync", "Async", "Discard", "Total", or nothing for a
// table that makes no difference.
type BlkioEntry struct {
	Major uint64 `json:"major,omitempty"`
	Minor uint64 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

func (r *reader) blkio(b *Blkio) {
	if r.src.Version("blkio") == limits.V1 {
		r.blkioV1(b)
	} else if text, ok := r.text(unified, "io.stat"); ok {
		r.fail("io.stat", b.parseStat(text))
	}
}

// blkioV1 takes the tables of BFQ, which has those of the devices that it schedules, or else what the throttling counts
// for every device.
func (r *reader) blkioV1(b *Blkio) {
	const bfq = "blkio.bfq."
	if !r.table(&b.Serviced, bfq+"io_serviced_recursive") {
		r.table(&b.Serviced, "blkio.throttle.io_serviced_recursive")
		r.table(&b.ServiceBytes, "blkio.throttle.io_service_bytes_recursive")
		return
	}
	r.table(&b.ServiceBytes, bfq+"io_service_bytes_recursive")
	if !r.table(&b.Sectors, bfq+"sectors_recursive") {
		return // without CONFIG_BFQ_CGROUP_DEBUG there are no others
	}
	r.table(&b.ServiceTime, bfq+"io_service_time_recursive")
	r.table(&b.WaitTime, bfq+"io_wait_time_recursive")
	r.table(&b.Merged, bfq+"io_merged_recursive")
	r.table(&b.Queued, bfq+"io_queued_recursive")
	r.table(&b.Time, bfq+"time_recursive")
}

// table reads one; it is false when there is none, or nothing in it but a total.
func (r *reader) table(to *[]BlkioEntry, file string) bool {
	text, ok := r.text("blkio", file)
	if !ok {
		return false
	}
	list, err := parseTable(text)
	r.fail(file, err)
	*to = list
	return len(list) > 0
}

// parseTable reads lines "8:0 Read 1282048" or "8:0 6792", and leaves out the "Total 3477504" of all devices.
func parseTable(text string) (list []BlkioEntry, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == "Total" {
			continue
		}
		if len(f) != 2 && len(f) != 3 {
			return nil, fmt.Errorf("line %q: want a device, an operation and a value", strings.TrimSuffix(line, "\n"))
		}
		var e BlkioEntry
		if e.Major, e.Minor, err = parseDevice(f[0]); err != nil {
			return nil, err
		}
		if len(f) == 3 {
			e.Op = f[1]
		}
		if e.Value, err = strconv.ParseUint(f[len(f)-1], 10, 64); err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

func parseDevice(text string) (major, minor uint64, err error) {
	a, b, _ := strings.Cut(text, ":")
	if major, err = strconv.ParseUint(a, 10, 64); err == nil {
		minor, err = strconv.ParseUint(b, 10, 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("device %q: %w", text, err)
	}
	return major, minor, nil
}

// parseStat reads io.stat of v2: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0", a device a line. Kernels before
// 5.16 name devices that have done nothing, without an end to the line: the values belong to the last one named. v1 knows
// no discards in the tables that these go to.
func (b *Blkio) parseStat(text string) error {
	for line := range strings.Lines(text) {
		var e BlkioEntry
		for f := range strings.FieldsSeq(line) {
			key, value, isValue := strings.Cut(f, "=")
			if !isValue {
				var err error
				if e.Major, e.Minor, err = parseDevice(f); err != nil {
					return err
				}
				continue
			}
			to, op := b.statTable(key)
			if to == nil {
				continue
			}
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return fmt.Errorf("%s of device %d:%d: %w", key, e.Major, e.Minor, err)
			}
			*to = append(*to, BlkioEntry{e.Major, e.Minor, op, n})
		}
	}
	return nil
}

func (b *Blkio) statTable(key string) (to *[]BlkioEntry, op string) {
	switch key {
	case "rbytes":
		return &b.ServiceBytes, "Read"
	case "wbytes":
		return &b.ServiceBytes, "Write"
	case "rios":
		return &b.Serviced, "Read"
	case "wios":
		return &b.Serviced, "Write"
	}
	return nil, ""
}
