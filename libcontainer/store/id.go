package store

import (
	"errors"
	"fmt"
	"syscall"
)

// maxID is NAME_MAX: an id is the name of a directory.
const maxID = 255

// ErrHalfMade tells that a container's directory holds no record: nothing was made for it yet.
var ErrHalfMade = errors.New("half-made: no " + recordName)

// InvalidIDError tells that an id cannot name a container. It matches EINVAL.
type InvalidIDError struct{ ID, Reason string }

func (e *InvalidIDError) Error() string {
	return fmt.Sprintf("invalid container id %.64q: %s", e.ID, e.Reason)
}

// Unwrap makes errors.Is find EINVAL.
func (e *InvalidIDError) Unwrap() error { return syscall.EINVAL }

// ExistError tells that a container of this id exists. It matches EEXIST.
type ExistError struct{ ID string }

func (e *ExistError) Error() string {
	return fmt.Sprintf("container with id %q already exists", e.ID)
}

// Unwrap makes errors.Is find EEXIST.
func (e *ExistError) Unwrap() error { return syscall.EEXIST }

// NotExistError tells that there is no container of this id. It matches ENOENT.
// containerd looks for "does not exist" in the text.
type NotExistError struct{ ID string }

func (e *NotExistError) Error() string {
	return fmt.Sprintf("container %q does not exist", e.ID)
}

// Unwrap makes errors.Is find ENOENT.
func (e *NotExistError) Unwrap() error { return syscall.ENOENT }

// ValidateID accepts what runc accepts: letters, digits, "_", "+", "-" and
// ".", at most 255 bytes, and neither "." nor "..".
func ValidateID(id string) error {
	switch {
	case id == "":
		return &InvalidIDError{id, "it is empty"}
	case len(id) > maxID:
		return &InvalidIDError{id, fmt.Sprintf("%d bytes, at most %d fit a directory name", len(id), maxID)}
	case id == "." || id == "..":
		return &InvalidIDError{id, "it names a directory"}
	}
	for _, c := range id {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '_', c == '+', c == '-', c == '.':
		default:
			return &InvalidIDError{id, fmt.Sprintf("character %q is none of A-Z a-z 0-9 _ + - .", c)}
		}
	}
	return nil
}
