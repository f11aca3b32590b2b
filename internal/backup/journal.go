package backup

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"signet/internal/owner"
)

// Act is something that a restore must not undo: ids and times, and nothing about anybody.
type Act struct {
	ID     string    `json:"id,omitempty"` // of the audit event
	At     time.Time `json:"at"`
	Name   string    `json:"act"` // of the audit event; Opened and Alive are the journal's own
	User   string    `json:"user,omitempty"`
	Client string    `json:"client,omitempty"`
	Key    string    `json:"key,omitempty"`   // kid
	Token  string    `json:"token,omitempty"` // jti
	Group  string    `json:"group,omitempty"`
	Role   string    `json:"role,omitempty"`
	// Upstream is one that the database keeps.
	Upstream string `json:"upstream,omitempty"`
	// Setting is a section of the configuration that the database keeps.
	Setting string `json:"setting,omitempty"`
	// Permits are the permissions of a role after it was changed; nil = they were not.
	Permits []string `json:"permits,omitempty"`
	// Of a consent: scopes that were granted before it and not by it, and scopes that were left out before and are granted by it.
	Less  []string `json:"less,omitempty"`
	Again []string `json:"again,omitempty"`
	// Of what was agreed with an agent: until when it may act, and how many calls a day; 0 = any number.
	Until time.Time `json:"until,omitzero"`
	Calls int64     `json:"calls,omitempty"`
}

// The journal's own lines: it was begun, and somebody keeps it.
const (
	Opened = "journal.opened"
	Alive  = "journal.alive"
)

// Journal is a file of acts beside the backups, outside the database: a line each, with a MAC of a key made from the master key. Lines are
// only ever appended, in one write each, so several processes may; a line that is there twice does no harm.
type Journal struct {
	Path string
	Keys [][]byte // the first signs, all verify
}

// Record is what a journal says.
type Record struct {
	Acts    []Act     // in the order of their times
	Since   time.Time // acts before are not in it; zero = the file has no beginning
	Last    time.Time // the last sign of life
	Damaged int       // lines that do not verify
}

// ErrNoJournal: there is no file.
var ErrNoJournal = errors.New("there is no journal")

// Read reads the whole journal. Lines that do not verify are counted and left out.
func (j Journal) Read() (Record, error) {
	var r Record
	f, err := os.Open(j.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%w at %s", ErrNoJournal, j.Path)
	}
	if err != nil {
		return r, err
	}
	defer f.Close()
	seen := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		act, ok := j.open(lines.Bytes())
		if !ok {
			r.Damaged++
			continue
		}
		if act.Name == Opened && (r.Since.IsZero() || act.At.Before(r.Since)) {
			r.Since = act.At
		}
		if act.At.After(r.Last) {
			r.Last = act.At
		}
		if act.Name != Opened && act.Name != Alive && !seen[act.ID] {
			seen[act.ID] = true
			r.Acts = append(r.Acts, act)
		}
	}
	slices.SortStableFunc(r.Acts, func(a, b Act) int { return a.At.Compare(b.At) })
	return r, lines.Err()
}

// Append writes acts, durably. The first writes the file's beginning at the given time.
func (j Journal) Append(now time.Time, acts ...Act) (err error) {
	if err := owner.MkdirAll(filepath.Dir(j.Path), 0o700); err != nil {
		return err
	}
	f, err := owner.Open(j.Path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("the journal: %w; it must belong to the account of the server (chown), and another account's command may have "+
			"made it", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if info.Size() == 0 {
		acts = append([]Act{{At: now, Name: Opened}}, acts...)
	} else if end := make([]byte, 1); len(acts) > 0 { // a line that a killed process cut stays alone
		if _, err := f.ReadAt(end, info.Size()-1); err == nil && end[0] != '\n' {
			text.WriteByte('\n')
		}
	}
	if len(acts) == 0 {
		return nil
	}
	for _, act := range acts {
		line, err := j.seal(act)
		if err != nil {
			return err
		}
		text.Write(line)
	}
	if _, err := f.Write(text.Bytes()); err != nil {
		return err
	}
	return f.Sync()
}

func (j Journal) seal(a Act) ([]byte, error) {
	a.At = a.At.UTC()
	text, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	line := append([]byte(mac(j.Keys[0], text)), ' ')
	return append(append(line, text...), '\n'), nil
}

func (j Journal) open(line []byte) (a Act, ok bool) {
	sum, text, found := bytes.Cut(line, []byte(" "))
	if !found || !slices.ContainsFunc(j.Keys, func(key []byte) bool { return hmac.Equal(sum, []byte(mac(key, text))) }) {
		return a, false
	}
	return a, json.Unmarshal(text, &a) == nil
}

func mac(key, text []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
