package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"signet/config"
	"signet/internal/owner"
	"signet/server"
)

// lookAtOwners looks whether the server's account, whose folder the database is in, can read and write what it needs beside it: a command
// of another account may have made it. Root looks by owners and modes, everybody else tries.
func lookAtOwners(c config.Config) (findings []finding) {
	path := c.Storage.DSN.SQLitePath()
	folder, err := os.Stat(filepath.Dir(path))
	if path == "" || err != nil {
		return nil
	}
	journal := c.JournalFile()
	files := []string{path, path + "-wal", path + "-shm", path + ".lock", journal, c.Audit.File}
	if c.MasterKey.Empty() {
		files = append(files, filepath.Join(filepath.Dir(path), server.MasterFile))
	}
	if !config.Bucket(c.Backup.To) {
		files = append(files, c.Backup.To)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || reaches(folder, info) && (file != journal || writable(file)) {
			continue // what is not there is made
		}
		mend := fmt.Sprintf("chown --no-dereference --reference=%s %s", filepath.Dir(path), file)
		if itself, err := os.Lstat(file); err != nil || !owner.Alone(itself) {
			mend = "it is a link, or has other names: look whose it should be"
		}
		findings = append(findings, finding{"files", false, fmt.Sprintf("the server's account, whose folder %s is, cannot read and write %s, "+
			"which a command of another account made (docs/operations.md, Running commands beside the service): %s",
			filepath.Dir(path), file, mend)})
	}
	if uid, _, known := owner.Of(folder); len(findings) == 0 && journal != "" && known && uid != 0 {
		findings = append(findings, finding{"files", true, "the server's account reads and writes them, the journal " + journal + " too"})
	}
	return findings
}

// reaches reports whether whose folder this is reads and writes the file, and enters it if it is a folder.
func reaches(folder, file fs.FileInfo) bool {
	uid, gid, known := owner.Of(folder)
	its, group, _ := owner.Of(file)
	need := fs.FileMode(0o6)
	if file.IsDir() {
		need = 0o7
	}
	mode := file.Mode().Perm()
	switch {
	case !known, uid == 0, !file.Mode().IsRegular() && !file.IsDir():
		return true
	case uid == its:
		return mode>>6&need == need
	case gid == group:
		return mode>>3&need == need
	}
	return mode&need == need
}

// writable tries it as this account. Not with a database: to close it would end its locks.
func writable(file string) bool {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrPermission)
	}
	return f.Close() == nil
}
