//go:build unix && !solaris && !aix

package server

import (
	"errors"
	"os"
	"syscall"
)

// lockTells: who cannot take the lock of another process learns it.
const lockTells = true

// lockFile takes the exclusive lock or fails with errLocked.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}
