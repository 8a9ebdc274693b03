package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"teu/tests/results"
)

// read reads the log of a suite, and its end. A suite that has not come to its end has failed; guest is how the guest ended
// if that was wrong.
func read(log string, guest error) (results.Row, error) {
	text, err := os.ReadFile(log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return results.Row{}, err
	}
	convert := exec.Command("go", "tool", "test2json")
	convert.Stdin = bytes.NewReader(text)
	events, err := convert.Output()
	if err != nil {
		return results.Row{}, fmt.Errorf("%s: %w", convert, err)
	}
	row, err := results.Count(bytes.NewReader(events), nil)
	if err != nil {
		return results.Row{}, fmt.Errorf("%s: %w", log, err)
	}
	end, err := os.ReadFile(log + ".end")
	if errors.Is(err, os.ErrNotExist) {
		row.Fail("the suite did not come to its end (%v)", guest)
		return row, nil
	}
	if err != nil {
		return results.Row{}, err
	}
	var code, seconds int
	if _, err := fmt.Sscan(string(end), &code, &seconds); err != nil {
		return results.Row{}, fmt.Errorf("%s.end: %w", log, err)
	}
	row.Took = time.Duration(seconds) * time.Second
	if code != 0 && row.Failed == 0 {
		row.Fail("the suite ended with exit code %d", code)
	}
	return row, nil
}

// report prints what failed and the table, writes the rows to a file if one is named, and fails when a test did, or when
// nothing ran in a suite.
func report(rows []results.Row, file string) error {
	for i := range rows {
		if r := &rows[i]; r.Passed+r.Failed == 0 {
			r.Fail("nothing ran")
		}
		if rows[i].Failed > 0 {
			fmt.Printf("\n%s: failed:\n%s", rows[i].Suite, rows[i].Trouble)
		}
	}
	sum := results.Print(os.Stdout, rows)
	if file != "" {
		text, err := json.Marshal(rows)
		if err == nil {
			err = os.WriteFile(file, text, 0o666)
		}
		if err != nil {
			return err
		}
	}
	if sum.Failed > 0 {
		return fmt.Errorf("failed tests: %d", sum.Failed)
	}
	return nil
}
