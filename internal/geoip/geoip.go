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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
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
	read atomic.Pointer[maxminddb.Reader]
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

func read(path string) (*maxminddb.Reader, error) {
	file, err := os.Open(path)
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
	r, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("%w, or not whole: %w", ErrFile, err)
	}
	tried := 0
	for found := range r.Networks() {
		if city, country := namesOf(found, "en"); city+country != "" {
			return r, nil
		}
		if tried++; tried == mostTried {
			break
		}
	}
	return nil, fmt.Errorf("%w: its first %d networks name none (it is of type %q)", ErrFile, tried, r.Metadata.DatabaseType)
}

// record is what is used of what a file says of a network.
type record struct {
	City    names `maxminddb:"city"`
	Country names `maxminddb:"country"`
}

type names struct {
	Names map[string]string `maxminddb:"names"`
}

// Where names the city and the country of an address, or of the network of addresses that is kept of one, in the language of a tag or else
// in English; "" = the file does not say.
func (f *File) Where(address, language string) (city, country string) {
	r := f.read.Load()
	if r == nil {
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
	return namesOf(r.Lookup(a.Unmap().WithZone("")), language)
}

// namesOf is empty for whatever is damaged or of another form.
func namesOf(found maxminddb.Result, language string) (city, country string) {
	var said record
	if !found.Found() || found.Decode(&said) != nil {
		return "", ""
	}
	return said.City.in(language), said.Country.in(language)
}

func (n names) in(language string) string {
	base, _, _ := strings.Cut(language, "-")
	for _, tag := range []string{language, base, "en"} {
		if name := n.Names[tag]; name != "" {
			return name
		}
	}
	return ""
}

// Described is the file in words, for operators.
func (f *File) Described() string {
	r := f.read.Load()
	if r == nil {
		return ""
	}
	return fmt.Sprintf("%s, built %s", r.Metadata.DatabaseType, f.Built().Format(time.DateOnly))
}

// Built is when the file was made.
func (f *File) Built() time.Time {
	if r := f.read.Load(); r != nil {
		return r.Metadata.BuildTime().UTC()
	}
	return time.Time{}
}
