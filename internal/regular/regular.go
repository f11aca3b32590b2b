// Package regular reads the files that settings name. Begin with Read.
package regular

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrNot: it is there, and no file.
var ErrNot = errors.New("name a regular file, or a link to one")

// Open opens a regular file, or the one that links lead to, as those of Kubernetes and of systemd's credentials do. Others are refused
// before they are opened: a pipe keeps whoever opens it waiting and gives its content once, where a setting is read again; a device may
// never end.
func Open(name string) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is %s: %w", name, kind(info.Mode()), ErrNot)
	}
	return os.Open(name)
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// Read reads what Open opens, of at most so many bytes.
func Read(name string, most int64) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was read only
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return text, err
}

// PEM is how large a file of certificates or keys may be, in bytes.
const PEM = 4 << 20

// KeyPair is tls.LoadX509KeyPair of files that Read reads.
func KeyPair(certFile, keyFile string) (pair tls.Certificate, err error) {
	cert, err := Read(certFile, PEM)
	private, keyErr := Read(keyFile, PEM)
	if err = errors.Join(err, keyErr); err != nil {
		return pair, err
	}
	return tls.X509KeyPair(cert, private)
}
