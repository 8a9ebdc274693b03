// Package names holds every name of config.json that stands for a number of the kernel, once: validation, `teu features` and
// the compilers read the same tables. They are in the order in which error messages list them, and are laid out by the
// compiler: nothing runs at start.
package names

import "slices"

// Entry is one name and its number.
type Entry[T ~string] struct {
	Name  T
	Value uint64
}

// Table is a list of names and their numbers.
type Table[T ~string] []Entry[T]

// What follows are functions because methods would be in the binary for each of the tables.

// Find returns the number of name; ok is false for a name that the table does not have.
func Find[T ~string](t Table[T], name T) (value uint64, ok bool) {
	for i := range t {
		if t[i].Name == name {
			return t[i].Value, true
		}
	}
	return 0, false
}

// Has reports whether the table has name.
func Has[T ~string](t Table[T], name T) bool {
	_, ok := Find(t, name)
	return ok
}

// List returns the names in the order of the table.
func List[T ~string](t Table[T]) []string {
	list := make([]string, len(t))
	for i := range t {
		list[i] = string(t[i].Name)
	}
	return list
}

// Sorted returns the names in alphabetical order.
func Sorted[T ~string](t Table[T]) []string {
	list := List(t)
	slices.Sort(list)
	return list
}
