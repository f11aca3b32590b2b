package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"signet/internal/owner"
)

// The parts of a backup, by their names in it.
const (
	Database  = "signet.db"
	Settings  = "settings.txt"
	MasterKey = "master.key"

	manifestName = "manifest.json"
)

// Format is the version of the format that Write makes and Read reads.
const Format = 1

// Categories callers branch on.
var (
	// ErrDamaged: the file is no backup, or was changed or cut.
	ErrDamaged = errors.New("the backup is damaged, cut, or no backup at all")
	// ErrLocked: it is encrypted, and nothing that was given opens it.
	ErrLocked = errors.New("the backup is encrypted for another key")
	// ErrFormat: a newer release made it.
	ErrFormat = errors.New("the backup is of a newer format")
	// ErrForged: somebody else made it, or changed it. Whoever knows a recipient, which is no secret, can encrypt to it.
	ErrForged = errors.New("the backup was not made with this master key")
)

// Manifest tells what is in a backup.
type Manifest struct {
	Format    int              `json:"format"`
	Release   string           `json:"release"` // of the binary that made it
	Engine    string           `json:"engine"`
	Schema    int64            `json:"schema"`
	Issuer    string           `json:"issuer"`
	CreatedAt time.Time        `json:"created_at"` // nothing that was committed later is in it
	MasterKey string           `json:"master_key"` // id of the master key in use; "" = nothing is sealed
	Rows      map[string]int64 `json:"rows"`       // by table
	Parts     map[string]Part  `json:"parts"`      // by name
	MAC       string           `json:"mac,omitempty"`
	Encrypted bool             `json:"-"` // how Read found it
}

// signed is the MAC of all that the manifest says, and so of every part.
func (m Manifest) signed(key []byte) (string, error) {
	m.MAC = ""
	text, err := json.Marshal(m)
	return mac(key, text), err
}

// authentic reports whether somebody who has one of the keys made it.
func (m Manifest) authentic(keys [][]byte) error {
	for _, key := range keys {
		if want, err := m.signed(key); err == nil && hmac.Equal([]byte(want), []byte(m.MAC)) {
			return nil
		}
	}
	return ErrForged
}

// Part is a file in a backup.
type Part struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Write writes a backup of the parts, files by their names in it, encrypted as s says. m gets their sizes and hashes.
func Write(w io.Writer, m Manifest, parts map[string]string, s Sealing) error {
	m.Format, m.Parts = Format, map[string]Part{}
	for name, path := range parts {
		p, err := describe(path)
		if err != nil {
			return err
		}
		m.Parts[name] = p
	}
	m.CreatedAt = m.CreatedAt.UTC()
	if s.Author != nil {
		var err error
		if m.MAC, err = m.signed(s.Author); err != nil {
			return err
		}
	}
	head, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	sealed, err := s.writer(w)
	if err != nil {
		return err
	}
	packed, err := gzip.NewWriterLevel(sealed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	if err := add(archive, manifestName, int64(len(head)), m.CreatedAt, bytes.NewReader(head)); err != nil {
		return err
	}
	for _, name := range order(m.Parts) {
		f, err := os.Open(parts[name])
		if err != nil {
			return err
		}
		err = add(archive, name, m.Parts[name].Size, m.CreatedAt, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return errors.Join(archive.Close(), packed.Close(), sealed.Close())
}

// order has the small parts in front.
func order(parts map[string]Part) []string {
	return slices.DeleteFunc([]string{MasterKey, Settings, Database}, func(name string) bool { _, there := parts[name]; return !there })
}

func add(archive *tar.Writer, name string, size int64, at time.Time, from io.Reader) error {
	if err := archive.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: at.Truncate(time.Second)}); err != nil {
		return err
	}
	_, err := io.CopyN(archive, from, size)
	return err
}

func describe(path string) (Part, error) {
	f, err := os.Open(path)
	if err != nil {
		return Part{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return Part{Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// maxManifest bounds what is read of a manifest.
const maxManifest = 1 << 20

// Read unpacks a backup into a folder and verifies every byte of it: ErrDamaged, ErrLocked, ErrFormat, ErrForged. fits, if not nil, is
// asked before anything is written whether so many bytes may be.
func Read(path string, o Opening, folder string, fits func(bytes int64) error) (Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	plain, encrypted, err := o.reader(f)
	if err != nil {
		return Manifest{}, err
	}
	m, err := o.unpack(plain, folder, fits)
	m.Encrypted = encrypted
	return m, err
}

func (o Opening) unpack(plain io.Reader, folder string, fits func(bytes int64) error) (Manifest, error) {
	var m Manifest
	packed, err := gzip.NewReader(plain)
	if err != nil {
		return m, broken(err)
	}
	packed.Multistream(false)
	archive := tar.NewReader(packed)
	head, err := archive.Next()
	if err != nil || head.Name != manifestName || head.Size > maxManifest {
		return m, broken(err)
	}
	text, err := io.ReadAll(archive)
	if err != nil {
		return m, broken(err)
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return m, broken(err)
	}
	if version.Format != Format {
		return m, fmt.Errorf("%w: %d, this binary reads %d; use the release that made it, or a newer one", ErrFormat, version.Format, Format)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, broken(err)
	}
	if err := m.sound(); err != nil {
		return m, err
	}
	if len(o.Authors) > 0 && (m.MAC != "" || !o.Anybodys) { // before anything is unpacked
		if err := m.authentic(o.Authors); err != nil {
			return m, err
		}
	}
	if fits != nil {
		if err := fits(m.size()); err != nil {
			return m, err
		}
	}
	for _, name := range order(m.Parts) {
		if err := extract(archive, name, m.Parts[name], filepath.Join(folder, name)); err != nil {
			return m, err
		}
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return m, broken(err)
	}
	// To the end of each layer: only there it says that nothing was changed or cut.
	if n, err := io.Copy(io.Discard, packed); err != nil || n > 1<<20 {
		return m, broken(err)
	}
	if n, err := io.Copy(io.Discard, plain); err != nil || n > 0 {
		return m, broken(err)
	}
	return m, nil
}

// sound refuses a manifest that lists what no backup has.
func (m Manifest) sound() error {
	if _, there := m.Parts[Database]; !there || len(order(m.Parts)) != len(m.Parts) {
		return fmt.Errorf("%w: its manifest lists other parts", ErrDamaged)
	}
	for name, p := range m.Parts {
		if p.Size < 0 || name != Database && p.Size > maxManifest {
			return fmt.Errorf("%w: %s is of %d bytes", ErrDamaged, name, p.Size)
		}
	}
	return nil
}

func (m Manifest) size() (n int64) {
	for _, p := range m.Parts {
		n += p.Size
	}
	return n
}

func extract(archive *tar.Reader, name string, p Part, to string) (err error) {
	head, err := archive.Next()
	if err != nil || head.Name != name || head.Size != p.Size || head.Typeflag != tar.TypeReg {
		return broken(err)
	}
	f, err := owner.Open(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	in := &source{archive, nil}
	if _, err := io.CopyN(io.MultiWriter(f, sum), in, p.Size); err != nil {
		if errors.Is(err, in.err) && in.err != nil { // the backup's fault; the disk's may come with the last bytes of the backup
			return broken(err)
		}
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != p.SHA256 {
		return fmt.Errorf("%w: %s is not what the manifest says", ErrDamaged, name)
	}
	return f.Sync()
}

// source remembers an error of the reading side.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

func broken(err error) error {
	switch {
	case err == nil:
		return ErrDamaged
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrLocked):
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}
