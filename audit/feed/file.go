package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

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
	out, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit.file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := out.Write(lines.Bytes()); err != nil {
		return fmt.Errorf("audit.file: %w", err)
	}
	if err := out.Sync(); err != nil && !errors.Is(err, os.ErrInvalid) {
		return fmt.Errorf("audit.file: %w", err)
	}
	return nil
}
