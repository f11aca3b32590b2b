package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"signet/internal/owner"
	"signet/storage"
)

// File takes events into a file, a line each. It is opened for each write and closed after it: whoever renames it, to keep it small, finds
// a new one in its place.
type File struct {
	Path   string
	Format Format
}

// Take implements Follower.Take: what it returned nil for is on the disk.
func (f File) Take(_ context.Context, list []storage.Event) (err error) {
	var lines bytes.Buffer
	for _, e := range list {
		line, err := Line(f.Format, e)
		if err != nil {
			return err
		}
		lines.Write(line)
	}
	out, err := owner.Open(f.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit.file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	cut, err := f.cut()
	if err != nil {
		return fmt.Errorf("audit.file: %w", err)
	}
	text := lines.Bytes()
	if cut {
		text = append([]byte("\n"), text...)
	}
	if _, err := out.Write(text); err != nil {
		return fmt.Errorf("audit.file: %w", err)
	}
	if err := out.Sync(); err != nil && !errors.Is(err, os.ErrInvalid) {
		return fmt.Errorf("audit.file: %w", err)
	}
	return nil
}

// cut reports whether the file ends within a line, as it does when the disk was full or the process died: what comes next begins a new one,
// so that readers lose no whole event.
func (f File) cut() (bool, error) {
	info, err := os.Stat(f.Path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false, err
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return false, err
	}
	defer in.Close()
	var last [1]byte
	_, err = in.ReadAt(last[:], info.Size()-1)
	return last[0] != '\n', err
}
