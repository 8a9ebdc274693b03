package caller

// Parallel does the same n times at once and returns the outcomes. Each has a check of its own: one is not for several
// goroutines.
func Parallel(t *T, n int, do func(*T) Outcome) []Outcome {
	type result struct {
		outcome Outcome
		of      *T
	}
	done := make(chan result)
	for range n {
		go func() {
			own := &T{Runtime: t.Runtime}
			r := result{of: own}
			guarded(func() { r.outcome = do(own) })
			done <- r
		}()
	}
	var outcomes []Outcome
	for range n {
		r := <-done
		t.problems = append(t.problems, r.of.problems...)
		t.cleanups = append(t.cleanups, r.of.cleanups...)
		outcomes = append(outcomes, r.outcome)
	}
	return outcomes
}
