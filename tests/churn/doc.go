// Package churn lets workers do at random to containers whatever can be done to them, and kills teu at random in the middle
// of it:
//
//	model_test.go    the states that a container can be in, what each verb does then, and what it may say when it refuses
//	box_test.go     a container, as far as its states are known: a verb narrows them, a killed one widens them
//	teu_test.go     one teu command, within its time, or killed after some of it; what it was doing when it hangs
//	churn_test  the workers, and the look at what is left in the end
//
// Most containers are one worker's own, and every answer of teu is held against the model. Some are everybody's; of those
// only the kind of answer is known.
//
//	go test ./tests/churn -churn.for 2m -churn.seed 42
package churn
