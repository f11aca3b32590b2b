// Package geoip tells where an address is, by a file of this machine in the MaxMind DB format. Nobody is asked, and nothing is stored: an
// address that is shown is looked up when it is shown.
//
// The file is held in memory, so that it may be replaced or written over at any time; Look takes the new one up. Begin with Open and
// File.Where.
package geoip

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"signet/internal/regular"
)

const (
	mostBytes = 512 << 20 // of a file; that of all cities has about 60 MiB
	mostTried = 10_000    // networks in which a new file has to name a country
)

// ErrFile: the file cannot be used.
var ErrFile = errors.New("not a file of cities or countries in the MaxMind DB format")

// File is one, with what was read of it last.
type File struct {
	path string
	mu   sync.Mutex // of who looks
	last mark
	read atomic.Pointer[database]
}

// mark tells one state of a file from another.
type mark struct {
	size int64
	at   time.Time
}

// Open reads a file.
func Open(path string) (*File, error) {
	f := &File{path: path}
	return f, f.Look()
}

// Look reads the file again if it is another one than before. After an error the one before is used on.
func (f *File) Look() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("%w; name a file that this account can read", err)
	}
	now := mark{info.Size(), info.ModTime()}
	if f.read.Load() != nil && now == f.last {
		return nil
	}
	r, err := read(f.path)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.last = now
	f.read.Store(r)
	return nil
}

func read(path string) (*database, error) {
	file, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was read only
	raw, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > mostBytes {
		return nil, fmt.Errorf("%w: it has more than %d MiB", ErrFile, mostBytes>>20)
	}
	db, err := parse(raw)
	if err == nil && !db.namesAny() {
		err = fmt.Errorf("%w: its first %d networks name none (it is of type %q)", ErrFile, mostTried, db.kind)
	}
	return db, err
}

// Where names the city and the country of an address, or of the network of addresses that is kept of one, in the language of a tag or else
// in English; "" = the file does not say.
func (f *File) Where(address, language string) (city, country string) {
	db := f.read.Load()
	if db == nil {
		return "", ""
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		network, err := netip.ParsePrefix(address)
		if err != nil {
			return "", ""
		}
		a = network.Addr()
	}
	at, there := db.find(a.Unmap().WithZone(""))
	if !there {
		return "", ""
	}
	return db.names(at, language)
}

// Described is the file in words, for operators.
func (f *File) Described() string {
	db := f.read.Load()
	if db == nil {
		return ""
	}
	return fmt.Sprintf("%s, built %s", db.kind, f.Built().Format(time.DateOnly))
}

// Built is when the file was made.
func (f *File) Built() time.Time {
	if db := f.read.Load(); db != nil {
		return db.built
	}
	return time.Time{}
}
