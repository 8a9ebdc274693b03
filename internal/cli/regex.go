package cli

import (
	"fmt"
	"regexp"
)

// regexUsage is that of --regex.
const regexUsage = "take CONTAINER for an extended regular expression, and act on each container whose ID it matches anywhere"

// each calls do with the container of that ID or, with regex, with each one whose ID the expression matches: none is no error,
// as with crun. When it fails for some the others are done all the same.
func (inv *invocation) each(id string, regex bool, do func(id string) error) error {
	if !regex {
		return do(id)
	}
	re, err := regexp.CompilePOSIX(id)
	if err != nil {
		return fmt.Errorf("--regex: %w", err)
	}
	ids, err := inv.rt.IDs()
	if err != nil {
		return err
	}
	var all error
	for _, id := range ids {
		if !re.MatchString(id) {
			continue
		}
		switch err := do(id); {
		case err == nil:
		case all == nil:
			all = err
		default:
			all = fmt.Errorf("%w; %w", all, err)
		}
	}
	return all
}
