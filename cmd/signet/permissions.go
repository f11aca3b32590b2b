package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"signet/config"
)

// openToAll warns of files of a SQLite database that every account of the machine can read or write.
func openToAll(c config.Config) (warnings []string) {
	path := c.Storage.DSN.SQLitePath()
	if path == "" || runtime.GOOS == "windows" { // where the bits say nothing
		return nil
	}
	const read, write, enter = 0o004, 0o002, 0o001
	if dir, err := os.Stat(filepath.Dir(path)); err != nil || dir.Mode().Perm()&enter == 0 {
		return nil // nobody else gets at what is in it
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		file, err := os.Stat(path + suffix)
		if err != nil {
			continue // not there yet
		}
		if mode := file.Mode().Perm(); mode&(read|write) != 0 {
			warnings = append(warnings, fmt.Sprintf("storage.dsn: %s has mode %#o, so every account of this machine can get at it: chmod 600 %[1]s",
				path+suffix, mode))
		}
	}
	return warnings
}
