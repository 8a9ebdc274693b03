package store

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// List reads the records of all containers, with their annotations, in the order of their ids, without
// locking. What is below the root and no readable container (torn, half-made
// or foreign) is told in bad, one error each, and hides none of the others. A
// root that does not exist has no containers.
func (s *Store) List() (all []*State, bad []error, err error) {
	names, err := s.names()
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		st, err := s.ReadWhole(name)
		var gone *NotExistError
		var invalid *InvalidIDError
		switch {
		case err == nil:
			all = append(all, st)
		case errors.As(err, &gone): // removed since the directory was read
		case errors.As(err, &invalid), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
			bad = append(bad, fmt.Errorf("foreign entry %q in %s", name, s.Root))
		default:
			bad = append(bad, err)
		}
	}
	return all, bad, nil
}

// IDs lists the ids that are taken, sorted: those of half-made containers, and of damaged ones, too.
func (s *Store) IDs() ([]string, error) {
	names, err := s.names()
	return slices.DeleteFunc(names, func(name string) bool { return ValidateID(name) != nil }), err
}

// names lists what is in the root directory, sorted; nothing when there is none.
func (s *Store) names() ([]string, error) {
	root, err := s.openRoot()
	if err == syscall.ENOENT {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	names, err := root.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}
