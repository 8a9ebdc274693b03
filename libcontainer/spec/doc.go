// Package spec reads config.json into the types of runtime-spec and says all that is wrong with it.
//
// The decoder is generated from those types: encoding/json needs 0.7 ms for its first look at them by
// reflection, a seventh of what a whole run may take, the generated code a tenth of that. It accepts what
// encoding/json accepts, names in any case included, with the differences listed at Load.
package spec

//go:generate go run ./gen
