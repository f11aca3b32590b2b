//go:build linux || darwin || freebsd

package sqlitefile

import "syscall"

// freeBytes is what this account may still write on the disk of a folder.
func freeBytes(folder string) (uint64, bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(folder, &s) != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}
