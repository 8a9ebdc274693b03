// Package nsenter holds the interpreter of programs, a C constructor that runs before the Go runtime starts, and the
// launcher that starts it in new namespaces. Importing the package links the constructor in.
package nsenter

/*
#cgo CFLAGS: -Wall -Wextra -Werror -O2 -std=gnu11
*/
import "C"
