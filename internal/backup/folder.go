package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"signet/internal/owner"
)

// Store is where backups are kept.
type Store interface {
	// Put keeps a file under a name that is not taken, whole or not at all.
	Put(ctx context.Context, name, path string) error
	// Get writes what is kept under a name into a file.
	Get(ctx context.Context, name, path string) error
	// List names the backups, the oldest first; other files are left out.
	List(ctx context.Context) ([]Entry, error)
	// Delete removes one.
	Delete(ctx context.Context, name string) error
}

// Entry is a backup that is kept.
type Entry struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	Size      int64     `json:"size"`
}

const (
	namePrefix = "signet-"
	nameSuffix = ".backup"
	nameTime   = "20060102T150405.000Z"
)

// Name of a backup made at a time.
func Name(at time.Time) string { return namePrefix + at.UTC().Format(nameTime) + nameSuffix }

// NamedAt is the time that the name of a file tells; false for files that are no backups of ours.
func NamedAt(file string) (time.Time, bool) { return nameAt(filepath.Base(file)) }

// nameAt is the time that a name tells; false for files that are no backups of ours.
func nameAt(name string) (time.Time, bool) {
	text, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return time.Time{}, false
	}
	if text, ok = strings.CutSuffix(text, nameSuffix); !ok {
		return time.Time{}, false
	}
	at, err := time.Parse(nameTime, text)
	return at, err == nil
}

func sorted(list []Entry) []Entry {
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// ahead is how far the clock that named a backup may be ahead.
const ahead = 10 * time.Minute

// Newest of a list, but for those whose names tell a time that is still to come: whoever named them, their clock was wrong.
func Newest(list []Entry, now time.Time) (e Entry, ok bool) {
	list = come(list, now)
	if len(list) == 0 {
		return e, false
	}
	return list[len(list)-1], true
}

// come are those whose time has come; the list is sorted.
func come(list []Entry, now time.Time) []Entry {
	i, _ := slices.BinarySearchFunc(list, now.Add(ahead), func(e Entry, t time.Time) int { return e.CreatedAt.Compare(t) })
	return list[:i]
}

// Trim deletes all but the newest so many, and returns the names of those that went; keep 0 keeps all. A name that tells a time that is
// still to come pushes out no other.
func Trim(ctx context.Context, s Store, keep int) (gone []string, err error) {
	if keep <= 0 {
		return nil, nil
	}
	list, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	list = come(list, time.Now())
	for _, old := range list[:max(0, len(list)-keep)] {
		if err := s.Delete(ctx, old.Name); err != nil {
			return gone, fmt.Errorf("delete the old backup %s: %w", old.Name, err)
		}
		gone = append(gone, old.Name)
	}
	return gone, nil
}

// Folder keeps backups in a folder of this machine.
type Folder string

// partPrefix begins the name of a file that is still being written; it is no backup.
const partPrefix = ".signet-part-"

// staleAfter is when what a killed run left behind is removed.
const staleAfter = 24 * time.Hour

// Put implements Store.
func (f Folder) Put(_ context.Context, name, path string) (err error) {
	if err := owner.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	f.tidy()
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := owner.CreateTemp(string(f), partPrefix+"*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(to.Name())
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return err
	}
	if err := settle(to.Name(), filepath.Join(string(f), name)); err != nil {
		return err
	}
	folder, err := os.Open(string(f))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// settle gives a file its name, unless that is taken.
func settle(from, to string) error {
	err := os.Link(from, to) // a rename would overwrite
	if err == nil || errors.Is(err, os.ErrExist) {
		return err
	}
	if _, there := os.Lstat(to); !errors.Is(there, os.ErrNotExist) { // a disk without hard links
		return errors.Join(err, there)
	}
	return os.Rename(from, to)
}

// tidy removes what runs that were killed left behind.
func (f Folder) tidy() {
	entries, _ := os.ReadDir(string(f))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), partPrefix) && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(filepath.Join(string(f), e.Name()))
		}
	}
}

// Get implements Store.
func (f Folder) Get(_ context.Context, name, path string) error {
	from, err := os.Open(filepath.Join(string(f), filepath.Base(name)))
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := owner.Open(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// List implements Store.
func (f Folder) List(context.Context) ([]Entry, error) {
	entries, err := os.ReadDir(string(f))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var list []Entry
	for _, e := range entries {
		at, ours := nameAt(e.Name())
		info, err := e.Info()
		if ours && err == nil && info.Mode().IsRegular() {
			list = append(list, Entry{e.Name(), at, info.Size()})
		}
	}
	return sorted(list), err
}

// Delete implements Store.
func (f Folder) Delete(_ context.Context, name string) error {
	if _, ours := nameAt(name); !ours {
		return fmt.Errorf("%q is no backup", name)
	}
	return os.Remove(filepath.Join(string(f), name))
}
