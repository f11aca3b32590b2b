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

// onNetwork warns of a SQLite database on a file system of several machines; the doctor calls it a problem. where names that of a folder.
func onNetwork(c config.Config, where func(folder string) string) []string {
	path := c.Storage.DSN.SQLitePath()
	if path == "" {
		return nil
	}
	if kind := where(filepath.Dir(path)); kind != "" {
		return []string{fmt.Sprintf("storage.dsn: %s is on %s: SQLite's locks do not hold there, and the database may be damaged; use a disk of "+
			"this machine, or Postgres", path, kind)}
	}
	return nil
}
