package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// A report is all figures of one run, as written by --json.
type report struct {
	Host     *host                `json:"host"`
	Runtimes []program            `json:"runtimes"`
	GapMs    float64              `json:"gapMs"`
	Rows     []*row               `json:"operations"`
	Memory   map[string]footprint `json:"memory,omitempty"`
}

type program struct {
	Name    string `json:"name"`
	Path    string `json:"path,omitempty"`
	Version string `json:"version,omitempty"`
}

// A row is one operation by all runtimes.
type row struct {
	Operation string             `json:"operation"`
	Results   map[string]summary `json:"results"`
	// Ratios is teu's wall clock divided by another's, by the other's name.
	Ratios  map[string]ratio   `json:"teuRatios,omitempty"`
	Targets map[string]float64 `json:"teuTargets,omitempty"`
	title   string
}

type ratio struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
}

// of returns the ratio by the statistic that --by names.
func (r ratio) of(by string) float64 {
	if by == "median" {
		return r.Median
	}
	return r.Min
}

const (
	teuName  = "teu"
	baseName = "base" // the teu of --base
)

func newReport(b *bench, h *host) *report {
	rep := &report{Host: h, GapMs: milliseconds(b.gap), Memory: map[string]footprint{}}
	for _, r := range b.runtimes {
		p := program{Name: r.name, Version: r.version()}
		if !r.bare {
			p.Path = r.path
		}
		rep.Runtimes = append(rep.Runtimes, p)
	}
	return rep
}

func (rep *report) add(op operation, runtime string, s summary) {
	i := slices.IndexFunc(rep.Rows, func(r *row) bool { return r.Operation == op.name })
	if i < 0 {
		i = len(rep.Rows)
		rep.Rows = append(rep.Rows, &row{Operation: op.name, Results: map[string]summary{}, Targets: op.targets, title: op.title})
	}
	rep.Rows[i].Results[runtime] = s
}

// compare fills in the ratios; without teu there are none.
func (rep *report) compare() {
	for _, r := range rep.Rows {
		teu, measured := r.Results[teuName]
		if !measured {
			continue
		}
		r.Ratios = map[string]ratio{}
		for name, other := range r.Results {
			if name != teuName {
				r.Ratios[name] = ratio{Min: teu.WallMin / other.WallMin, Median: teu.WallMed / other.WallMed}
			}
		}
	}
}

// misses names the ratios that are above their target, and the targets that nothing was measured for: a check that could not be
// made has not been passed.
func (rep *report) misses(by string) []string {
	var missed []string
	for _, r := range rep.Rows {
		for _, name := range slices.Sorted(maps.Keys(r.Targets)) {
			got, measured := r.Ratios[name]
			switch {
			case !measured:
				missed = append(missed, fmt.Sprintf("%s: teu/%s was not measured", r.Operation, name))
			case got.of(by) > r.Targets[name]:
				missed = append(missed, fmt.Sprintf("%s: teu/%s is %.2f, more than %.2f", r.Operation, name, got.of(by), r.Targets[name]))
			}
		}
	}
	return missed
}

// publish writes the table to out and the JSON where asked. missed is true if --check was given and a target was not met.
func (rep *report) publish(out io.Writer, o options) (missed bool, err error) {
	rep.compare()
	if _, err := io.WriteString(out, rep.markdown()); err != nil {
		return false, err
	}
	if o.json != "" {
		text, err := json.MarshalIndent(rep, "", "\t")
		if err != nil {
			return false, err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return false, err
		}
	}
	if !o.check {
		return false, nil
	}
	misses := rep.misses(o.by)
	if !slices.ContainsFunc(rep.Rows, func(r *row) bool { return len(r.Targets) > 0 }) {
		misses = append(misses, "no case with targets was measured")
	}
	for _, m := range misses {
		fmt.Fprintln(os.Stderr, "bench: missed:", m)
	}
	return len(misses) > 0, nil
}

func (rep *report) markdown() string {
	var s strings.Builder
	fmt.Fprintf(&s, "Linux %s, %d CPUs, cgroup %s", rep.Host.Kernel, rep.Host.CPUs, rep.Host.Cgroups)
	for _, p := range rep.Runtimes {
		if p.Version != "" {
			fmt.Fprintf(&s, "; %s", p.Version)
		}
	}
	fmt.Fprintf(&s, ". Runs interleaved, %g ms apart.\n", rep.GapMs)
	for _, r := range rep.Rows {
		rep.markdownRow(&s, r)
	}
	rep.markdownRatios(&s)
	rep.markdownMemory(&s)
	return s.String()
}

func (rep *report) markdownRow(s *strings.Builder, r *row) {
	fmt.Fprintf(s, "\n%s\n\n| runtime | runs | wall ms min | median | p90 | CPU ms min | median | peak RSS MiB |\n", r.title)
	s.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, p := range rep.Runtimes {
		if m, measured := r.Results[p.Name]; measured {
			fmt.Fprintf(s, "| %s | %d | %.2f | %.2f | %.2f | %.2f | %.2f | %.1f |\n", p.Name, m.Runs,
				m.WallMin, m.WallMed, m.WallP90, m.CPUMin, m.CPUMed, float64(m.MaxRSSKiB)/1024)
		}
	}
}

// markdownRatios is the table that counts: teu against each of the others.
func (rep *report) markdownRatios(s *strings.Builder) {
	var others []string
	teu := false
	for _, p := range rep.Runtimes {
		if p.Name == teuName {
			teu = true
		} else {
			others = append(others, p.Name)
		}
	}
	if !teu || len(others) == 0 || len(rep.Rows) == 0 {
		return
	}
	s.WriteString("\nteu's wall clock divided by the other's: minimum / median (target)\n\n| operation |")
	for _, name := range others {
		fmt.Fprintf(s, " teu/%s |", name)
	}
	s.WriteString("\n|---|" + strings.Repeat("---:|", len(others)) + "\n")
	for _, r := range rep.Rows {
		fmt.Fprintf(s, "| %s |", r.Operation)
		for _, name := range others {
			got, measured := r.Ratios[name]
			if !measured {
				s.WriteString(" |")
				continue
			}
			fmt.Fprintf(s, " %.2f / %.2f", got.Min, got.Median)
			if target, has := r.Targets[name]; has {
				fmt.Fprintf(s, " (≤ %.2f)", target)
			}
			s.WriteString(" |")
		}
		s.WriteString("\n")
	}
}

func (rep *report) markdownMemory(s *strings.Builder) {
	if len(rep.Memory) == 0 {
		return
	}
	s.WriteString("\nMemory of the container's cgroup\n\n")
	s.WriteString("| runtime | peak when created, KiB | smallest working limit, KiB | `run` with 1 MiB |\n|---|---:|---:|---|\n")
	for _, p := range rep.Runtimes {
		f, measured := rep.Memory[p.Name]
		if !measured {
			continue
		}
		works := "works"
		if f.OneMiB != "" {
			works = "fails: " + strings.ReplaceAll(f.OneMiB, "|", "\\|")
		}
		fmt.Fprintf(s, "| %s | %d | %d | %s |\n", p.Name, f.CreatedKiB, f.SmallestLimitKiB, works)
	}
}
