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
	dir, account := theirs(filepath.Dir(name))
	if dir == nil {
		return os.OpenFile(name, flag, mode)
	}
	defer dir.Close()
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

// openAt opens what has the name's last part in a folder that is open, and follows no link.
func openAt(dir *os.File, name string, flag int, mode fs.FileMode) (*os.File, error) {
	fd, err := syscall.Openat(int(dir.Fd()), filepath.Base(name), flag|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, uint32(mode.Perm()))
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
	if err := os.Mkdir(path, mode); err != nil {
		if info, unread := os.Stat(path); unread == nil && info.IsDir() { // made meanwhile
			return nil
		}
		return err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(Give(f, parent), f.Close())
}

// Give gives an open file, if root has it, to the account whose folder is dir.
func Give(f *os.File, dir string) error {
	root, account := theirs(dir)
	if root == nil {
		return nil
	}
	return errors.Join(give(f, account), root.Close())
}

func give(f *os.File, to *syscall.Stat_t) error { return f.Chown(int(to.Uid), int(to.Gid)) }

// kept closes the file if there is an error.
func kept(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// theirs opens a folder that is another account's, if this is root; nil = it is not.
func theirs(dir string) (*os.File, *syscall.Stat_t) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, nil // what is done in it says why
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 {
			return f, s
		}
	}
	_ = f.Close()
	return nil, nil
}

// Of tells whose a file is; false where files have no such owner.
func Of(info fs.FileInfo) (uid, gid uint32, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return s.Uid, s.Gid, true
}
