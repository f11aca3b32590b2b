package backup

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

// Sealing is how a backup is encrypted: to recipients (age1…), under a passphrase, or, where that is wanted, not at all.
type Sealing struct {
	Recipients []string
	Passphrase string
	Plain      bool
	Author     []byte // key of the MAC that tells who made it; nil = it has none
}

// Opening is what opens a backup: identities (lines of AGE-SECRET-KEY-1…) or a passphrase. One that is not encrypted needs neither.
type Opening struct {
	Identities string
	Passphrase string
	Authors    [][]byte // keys, with one of which it has to be made; none = whoever made it
	Anybodys   bool     // one without a MAC is taken all the same
}

// errUnsealed: nobody said how to encrypt.
var errUnsealed = errors.New(
	"nothing says how to encrypt the backup: name a recipient (age1…, of `age-keygen`) or a passphrase, or ask for " +
		"one that is not encrypted")

// scryptWork is the work factor of passphrases: 2^15 rounds, 32 MB. A server that is at work makes backups, too; what protects is a
// passphrase that nobody guesses.
const scryptWork = 15

// minPassphrase is how many characters a passphrase has at least.
const minPassphrase = 16

// Check says what is wrong with it; nil if it can be used.
func (s Sealing) Check() error {
	_, err := s.recipients()
	if err == nil || s.Plain && errors.Is(err, errUnsealed) {
		return nil
	}
	return err
}

// Encrypts reports whether it encrypts.
func (s Sealing) Encrypts() bool { return len(s.Recipients) > 0 || s.Passphrase != "" }

func (s Sealing) recipients() ([]age.Recipient, error) {
	if s.Passphrase != "" {
		if len(s.Recipients) > 0 {
			return nil, errors.New("a backup is encrypted to recipients or under a passphrase, not both")
		}
		if len([]rune(s.Passphrase)) < minPassphrase {
			return nil, fmt.Errorf("the passphrase needs %d characters or more: whoever has the file can try them all at leisure", minPassphrase)
		}
		r, err := age.NewScryptRecipient(s.Passphrase)
		if err != nil {
			return nil, err
		}
		r.SetWorkFactor(scryptWork)
		return []age.Recipient{r}, nil
	}
	if len(s.Recipients) == 0 {
		return nil, errUnsealed
	}
	for _, one := range s.Recipients {
		if strings.HasPrefix(strings.ToUpper(one), "AGE-SECRET-KEY-") {
			return nil, errors.New("a recipient is the public key (age1…), and this is the secret one: keep that where the backups are not")
		}
	}
	list, err := age.ParseRecipients(strings.NewReader(strings.Join(s.Recipients, "\n")))
	if err != nil {
		return nil, fmt.Errorf("a recipient is written like age1…, as `age-keygen` prints it: %w", err)
	}
	return list, nil
}

// writer encrypts what is written to it; its Close ends the file and leaves w open.
func (s Sealing) writer(w io.Writer) (io.WriteCloser, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if !s.Encrypts() {
		return newSummed(w)
	}
	list, err := s.recipients()
	if err != nil {
		return nil, err
	}
	return age.Encrypt(w, list...)
}

const (
	plainMagic = "signet backup, not encrypted\n"
	ageMagic   = "age-encryption.org/"
)

// summed is a file that is not encrypted: a line in front, and the SHA-256 of all before it at the end.
type summed struct {
	w   io.Writer
	sum hash.Hash
}

func newSummed(w io.Writer) (*summed, error) {
	s := &summed{w, sha256.New()}
	_, err := io.WriteString(s, plainMagic)
	return s, err
}

// Write implements io.Writer.
func (s *summed) Write(p []byte) (int, error) {
	s.sum.Write(p)
	return s.w.Write(p)
}

// Close writes the sum.
func (s *summed) Close() error {
	_, err := s.w.Write(s.sum.Sum(nil))
	return err
}

// reader opens a backup; what it reads is verified at its end at the latest.
func (o Opening) reader(f *os.File) (plain io.Reader, encrypted bool, err error) {
	head := make([]byte, len(plainMagic))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, false, broken(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, false, err
	}
	switch {
	case bytes.HasPrefix(head[:n], []byte(ageMagic)):
		plain, err := o.decrypted(f)
		return plain, true, err
	case string(head[:n]) == plainMagic:
		plain, err := verified(f)
		return plain, false, err
	}
	return nil, false, ErrDamaged
}

func (o Opening) decrypted(f *os.File) (io.Reader, error) {
	var identities []age.Identity
	if o.Passphrase != "" {
		one, err := age.NewScryptIdentity(o.Passphrase)
		if err != nil {
			return nil, err
		}
		one.SetMaxWorkFactor(scryptWork + 3)
		identities = append(identities, one)
	}
	if o.Identities != "" {
		list, err := age.ParseIdentities(strings.NewReader(o.Identities))
		if err != nil {
			return nil, errors.New("the identity file has no secret key as `age-keygen` writes it (AGE-SECRET-KEY-1…)") // nothing of it is shown
		}
		identities = append(identities, list...)
	}
	if len(identities) == 0 {
		return nil, fmt.Errorf("%w: name the file with its secret key (--identity) or passphrase (--passphrase-file)", ErrLocked)
	}
	plain, err := age.Decrypt(f, identities...)
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, fmt.Errorf("%w: the key or passphrase that was given does not open it", ErrLocked)
	}
	if err != nil {
		return nil, broken(err)
	}
	return plain, nil
}

// verified compares the sum at the end before anything is believed.
func verified(f *os.File) (io.Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	body := info.Size() - sha256.Size
	if body < int64(len(plainMagic)) {
		return nil, ErrDamaged
	}
	sum, want := sha256.New(), make([]byte, sha256.Size)
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, body)); err != nil {
		return nil, err
	}
	if _, err := f.ReadAt(want, body); err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(sum.Sum(nil), want) != 1 {
		return nil, ErrDamaged
	}
	return io.NewSectionReader(f, int64(len(plainMagic)), body-int64(len(plainMagic))), nil
}
