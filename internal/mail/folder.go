package mail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"signet/internal/owner"
)

// Folder writes messages as .eml files instead of sending them: for trying things out, any mail program opens them.
type Folder struct {
	Envelope
	Directory string
}

// Send implements Sender.
func (f *Folder) Send(_ context.Context, m Message) error {
	msg, _, err := f.compose(m)
	if err != nil {
		return err
	}
	if err := owner.MkdirAll(f.Directory, 0o700); err != nil {
		return fmt.Errorf("mail.directory: %w", err)
	}
	name := filepath.Join(f.Directory, time.Now().UTC().Format("20060102T150405.000000")+"-"+m.ID+".eml")
	out, err := owner.Open(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("mail.directory: %w", err)
	}
	_, err = msg.WriteTo(out)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}
