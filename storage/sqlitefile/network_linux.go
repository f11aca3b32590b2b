package sqlitefile

import "syscall"

// networks are file systems by the number that statfs(2) tells; whether FUSE and 9p lead to one, or are
// how a container sees a disk, cannot be told.
var networks = map[uint32]string{0x6969: "NFS", 0xff534d42: "SMB", 0xfe534d42: "SMB", 0x517b: "SMB",
	0x00c36400: "Ceph", 0x5346414f: "AFS", 0x0bd00bd0: "Lustre"}

// Network names the file system of a folder if other machines may use it as well: locks and shared memory, on which SQLite relies, do
// not hold there. "" = it is of this machine, or is not known.
func Network(folder string) string {
	var s syscall.Statfs_t
	if syscall.Statfs(folder, &s) != nil {
		return ""
	}
	return networks[uint32(s.Type)]
}
