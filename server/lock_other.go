//go:build !unix || solaris || aix

package server

import "os"

// lockTells: see lock_unix.go.
const lockTells = false

// lockFile does nothing where the standard library has no lock that goes with the process.
func lockFile(*os.File) error { return nil }
