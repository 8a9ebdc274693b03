// Package spec reads config.json into the types of runtime-spec and says all that is wrong with it.
//
// The decoder is generated from those types: for the first config of a process encoding/json takes 0.7 ms,
// most of it to look at them by reflection, and with GOEXPERIMENT=jsonv2 0.35 ms; the generated code takes
// 0.05 ms, of some 5 ms that a whole run takes. It accepts what encoding/json accepts, with the
// differences listed at Load.
package spec

//go:generate go run ./gen
