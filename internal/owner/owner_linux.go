package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Open is os.OpenFile.
func Open(name string, flag int, mode fs.FileMode) (*os.File, error) {
	dir, account := folder(filepath.Dir(name))
	if dir == nil {
		return os.OpenFile(name, flag, mode)
	}
	defer dir.Close()
	if account == nil {
		return openAt(dir, name, flag, mode)
	}
	flag |= syscall.O_NOFOLLOW
	if flag&os.O_CREATE != 0 {
		f, err := openAt(dir, name, flag|os.O_EXCL, mode)
		if err == nil {
			return kept(f, give(f, account))
		}
		if flag&os.O_EXCL != 0 || !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	f, err := openAt(dir, name, flag&^os.O_CREATE, mode)
	if errors.Is(err, syscall.ELOOP) {
		err = fmt.Errorf("%w: root follows no link in a folder of another account; run this as that account", err)
	}
	return f, err
}

// openAt opens what has the name's last part in a folder that is open.
func openAt(dir *os.File, name string, flag int, mode fs.FileMode) (*os.File, error) {
	fd, err := syscall.Openat(int(dir.Fd()), filepath.Base(name), flag|syscall.O_CLOEXEC, uint32(mode.Perm()))
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// CreateTemp is os.CreateTemp.
func CreateTemp(dir, pattern string) (*os.File, error) {
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	return kept(f, Give(f, dir))
}

// MkdirAll is os.MkdirAll: each folder that is made is given to whose folder it is in.
func MkdirAll(path string, mode fs.FileMode) error {
	if os.Geteuid() != 0 {
		return os.MkdirAll(path, mode)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := MkdirAll(parent, mode); err != nil {
			return err
		}
	}
	dir, account := folder(parent)
	if dir == nil {
		return os.Mkdir(path, mode)
	}
	defer dir.Close()
	if err := syscall.Mkdirat(int(dir.Fd()), filepath.Base(path), uint32(mode.Perm())); err != nil {
		if info, unread := os.Stat(path); unread == nil && info.IsDir() { // made meanwhile
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	if account == nil {
		return nil
	}
	f, err := openAt(dir, path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(give(f, account), f.Close())
}

// GiveFile gives a file that root made in a folder of its own, and that has no other name, to the account whose folder is dir. A link, and
// whatever else somebody put in its place, stays as it is.
func GiveFile(name, dir string) error {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || !Alone(info) {
		return fmt.Errorf("%s is not the file that was made", name)
	}
	return Give(f, dir)
}

// Alone reports whether what Lstat found is a folder, or a file with one name: what gets another owner under this name alone.
func Alone(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && (info.IsDir() || info.Mode().IsRegular() && s.Nlink == 1)
}

// Give gives an open file, if root has it, to the account whose folder is dir.
func Give(f *os.File, dir string) error {
	open, account := folder(dir)
	if open == nil {
		return nil
	}
	defer open.Close()
	if account == nil {
		return nil
	}
	return give(f, account)
}

// give leaves the file to root where the file system knows no such owner, or root may not: it was so before, and `signet doctor` tells.
func give(f *os.File, to *syscall.Stat_t) error {
	err := f.Chown(int(to.Uid), int(to.Gid))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// kept closes the file if there is an error.
func kept(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// folder opens a folder, if this is root, and says whose it is where that is another account; nil = this is not root, or it cannot be
// opened, which what is done in it says.
func folder(dir string) (*os.File, *syscall.Stat_t) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, nil
	}
	info, err := f.Stat()
	if err != nil || !info.IsDir() {
		_ = f.Close()
		return nil, nil
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 {
		return f, s
	}
	return f, nil
}

// Of tells whose a file is; false where files have no such owner.
func Of(info fs.FileInfo) (uid, gid uint32, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return s.Uid, s.Gid, true
}
