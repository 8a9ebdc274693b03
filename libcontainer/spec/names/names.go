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

// Find returns the number of name; ok is false for a name that the table does not have.
func (t Table[T]) Find(name T) (value uint64, ok bool) {
	for i := range t {
		if t[i].Name == name {
			return t[i].Value, true
		}
	}
	return 0, false
}

// Has reports whether the table has name.
func (t Table[T]) Has(name T) bool {
	_, ok := t.Find(name)
	return ok
}

// Names lists the names in the order of the table.
func (t Table[T]) Names() []string {
	list := make([]string, len(t))
	for i := range t {
		list[i] = string(t[i].Name)
	}
	return list
}

// Sorted lists the names in alphabetical order.
func (t Table[T]) Sorted() []string {
	list := t.Names()
	slices.Sort(list)
	return list
}
