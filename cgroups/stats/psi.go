package stats

import (
	"fmt"
	"strconv"
	"strings"
)

// PSI is pressure stall information: the time that some, or all, of the processes waited for a resource
// (Documentation/accounting/psi.rst of the kernel).
type PSI struct {
	Some PSIData `json:"some"`
	Full PSIData `json:"full"`
}

// PSIData is shares of the last 10, 60 and 300 seconds in per cent, and all of the time in microseconds.
type PSIData struct {
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
	Total  uint64  `json:"total"`
}

// pressure reads a file of the v2 tree, which is there beside v1 hierarchies too. It is nil where the kernel has none, or
// was told to keep none (psi=0, cgroup.pressure).
func (r *reader) pressure(file string) *PSI {
	text, ok := r.text(unified, file)
	if !ok {
		return nil
	}
	p, err := parsePSI(text)
	r.fail(file, err)
	return p
}

// parsePSI reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" and the same for "full", which the file for the CPU has
// since Linux 5.13.
func parsePSI(text string) (*PSI, error) {
	p := new(PSI)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		var d *PSIData
		switch f[0] {
		case "some":
			d = &p.Some
		case "full":
			d = &p.Full
		default:
			continue
		}
		for _, v := range f[1:] {
			key, value, _ := strings.Cut(v, "=")
			if err := d.set(key, value); err != nil {
				return nil, fmt.Errorf("%s %s: %w", f[0], key, err)
			}
		}
	}
	return p, nil
}

func (d *PSIData) set(key, value string) (err error) {
	switch key {
	case "avg10":
		d.Avg10, err = strconv.ParseFloat(value, 64)
	case "avg60":
		d.Avg60, err = strconv.ParseFloat(value, 64)
	case "avg300":
		d.Avg300, err = strconv.ParseFloat(value, 64)
	case "total":
		d.Total, err = strconv.ParseUint(value, 10, 64)
	}
	return err
}
