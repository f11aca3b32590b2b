package geoip

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// This file reads the MaxMind DB format, version 2.0 of its specification: a binary tree over the bits of addresses, whose leaves are
// offsets of a data section, and metadata at the end. Every offset is checked, so that a damaged file does no harm.

// database is a file in memory.
type database struct {
	tree   []byte
	data   section
	nodes  int
	record int // bits
	start  int // node at which IPv4 addresses begin
	v6     bool
	kind   string
	built  time.Time
}

// section holds encoded values, which point at one another within it.
type section []byte

// The types of values, as far as they matter here.
const (
	typePointer = 1
	typeString  = 2
	typeUint16  = 5
	typeUint32  = 6
	typeMap     = 7
	typeUint64  = 9
	typeArray   = 11
	typeBool    = 14
)

const (
	between   = 16        // zero bytes between tree and data
	metaWhere = 128 << 10 // metadata is within so many bytes of the end
	mostDepth = 16        // of values within values
	mostSteps = 10_000    // values that one question looks at
)

var metaMark = []byte("\xab\xcd\xefMaxMind.com")

// parse looks at metadata and sizes.
func parse(raw []byte) (*database, error) {
	at := bytes.LastIndex(raw[max(0, len(raw)-metaWhere):], metaMark)
	if at < 0 {
		return nil, fmt.Errorf("%w, or not whole", ErrFile)
	}
	at += max(0, len(raw)-metaWhere)
	meta := section(raw[at+len(metaMark):])
	db := &database{nodes: meta.number("node_count"), record: meta.number("record_size"), v6: meta.number("ip_version") == 6,
		kind: meta.text(0, "database_type"), built: time.Unix(int64(meta.number("build_epoch")), 0).UTC()}
	if db.record != 24 && db.record != 28 && db.record != 32 || meta.number("binary_format_major_version") != 2 || db.nodes < 1 {
		return nil, fmt.Errorf("%w: its metadata is of another version, or damaged", ErrFile)
	}
	size := db.nodes * (db.record / 4)
	if db.nodes > len(raw) || size+between > at {
		return nil, fmt.Errorf("%w: it is not whole", ErrFile)
	}
	db.tree, db.data = raw[:size], section(raw[size+between:at])
	for range 96 {
		if !db.v6 || db.start >= db.nodes {
			break
		}
		db.start = db.branch(db.start, 0)
	}
	return db, nil
}

// branch is one of the two records of a node.
func (db *database) branch(node, bit int) int {
	width := db.record / 4
	n := db.tree[node*width : (node+1)*width]
	switch db.record {
	case 24:
		n = n[bit*3:]
		return int(n[0])<<16 | int(n[1])<<8 | int(n[2])
	case 28:
		if bit == 0 {
			return int(n[3]>>4)<<24 | int(n[0])<<16 | int(n[1])<<8 | int(n[2])
		}
		return int(n[3]&15)<<24 | int(n[4])<<16 | int(n[5])<<8 | int(n[6])
	}
	n = n[bit*4:]
	return int(n[0])<<24 | int(n[1])<<16 | int(n[2])<<8 | int(n[3])
}

// find is where the data of an address is; false = there is none.
func (db *database) find(a netip.Addr) (at int, there bool) {
	node, bits := 0, a.AsSlice()
	switch {
	case a.Is4() && db.v6:
		node = db.start
	case a.Is6() && !db.v6:
		return 0, false
	}
	for i := 0; node < db.nodes; i++ {
		if i == 8*len(bits) {
			return 0, false
		}
		node = db.branch(node, int(bits[i/8]>>(7-i%8))&1)
	}
	return db.leaf(node)
}

// leaf is where the data of a record is.
func (db *database) leaf(record int) (at int, there bool) {
	at = record - db.nodes - between
	return at, at >= 0 && at < len(db.data)
}

// names are those of the city and of the country at a place of the data.
func (db *database) names(at int, language string) (city, country string) {
	return db.data.name(at, "city", language), db.data.name(at, "country", language)
}

// namesAny reports whether one of the first networks has a name.
func (db *database) namesAny() bool {
	tried := 0
	for node := range db.nodes {
		for bit := range 2 {
			at, there := db.leaf(db.branch(node, bit))
			if !there {
				continue
			}
			if city, country := db.names(at, "en"); city+country != "" {
				return true
			}
			if tried++; tried == mostTried {
				return false
			}
		}
	}
	return false
}

// name is what a thing is called in a language, or else in English.
func (s section) name(at int, thing, language string) string {
	base, _, _ := strings.Cut(language, "-")
	for _, tag := range []string{language, base, "en"} {
		if name := s.text(at, thing, "names", tag); name != "" {
			return name
		}
	}
	return ""
}

// value is one that was found: size is of its payload in bytes, or how many values are in it, or what it is.
type value struct{ kind, size, at, next int }

// read finds the value at an offset, or the one that it points at; next is behind it either way.
func (s section) read(at int) (v value, ok bool) {
	if v, ok = s.control(at); !ok || v.kind != typePointer {
		return v, ok
	}
	next := v.next
	if v, ok = s.control(v.size); v.kind == typePointer {
		return v, false
	}
	v.next = next
	return v, ok
}

// control reads what begins a value. The size of a pointer is where it points, and next is behind what has no values in it.
func (s section) control(at int) (v value, ok bool) {
	if at < 0 || at >= len(s) {
		return v, false
	}
	first := int(s[at])
	at++
	more := func(n int) int {
		if len(s)-at < n {
			ok = false
			return 0
		}
		sum := 0
		for range n {
			sum, at = sum<<8|int(s[at]), at+1
		}
		return sum
	}
	ok = true
	v.kind, v.size = first>>5, first&31
	if v.kind == typePointer {
		switch high := first & 7; first >> 3 & 3 {
		case 0:
			v.size = high<<8 | more(1)
		case 1:
			v.size = (high<<16 | more(2)) + 2048
		case 2:
			v.size = (high<<24 | more(3)) + 526336
		default:
			v.size = more(4)
		}
		v.at, v.next = at, at
		return v, ok
	}
	if v.kind == 0 {
		v.kind = typeMap + more(1)
	}
	switch v.size {
	case 29:
		v.size = 29 + more(1)
	case 30:
		v.size = 285 + more(2)
	case 31:
		v.size = 65821 + more(3)
	}
	v.at, v.next = at, at
	if v.kind != typeMap && v.kind != typeArray && v.kind != typeBool {
		v.next += v.size
	}
	return v, ok && v.next <= len(s)
}

// get follows keys from the map at an offset.
func (s section) get(at int, keys ...string) (v value, ok bool) {
	steps := mostSteps
	v, ok = s.read(at)
	for _, key := range keys {
		if !ok || v.kind != typeMap {
			return value{}, false
		}
		if v, ok = s.within(v, key, &steps); !ok {
			return value{}, false
		}
	}
	return v, ok
}

func (s section) within(m value, key string, steps *int) (value, bool) {
	at := m.at
	for range m.size {
		k, ok := s.read(at)
		if !ok || k.kind != typeString {
			return value{}, false
		}
		if string(s[k.at:k.at+k.size]) == key {
			return s.read(k.next)
		}
		if at, ok = s.skip(k.next, 0, steps); !ok {
			return value{}, false
		}
	}
	return value{}, false
}

// skip is where the value behind the one at an offset begins.
func (s section) skip(at, depth int, steps *int) (next int, ok bool) {
	v, ok := s.control(at)
	if *steps--; !ok || depth == mostDepth || *steps < 0 {
		return 0, false
	}
	inner := 0
	switch v.kind {
	case typeMap:
		inner = 2 * v.size
	case typeArray:
		inner = v.size
	}
	next = v.next
	for range inner {
		if next, ok = s.skip(next, depth+1, steps); !ok {
			return 0, false
		}
	}
	return next, true
}

func (s section) text(at int, keys ...string) string {
	if v, ok := s.get(at, keys...); ok && v.kind == typeString {
		return string(s[v.at : v.at+v.size])
	}
	return ""
}

// number is one of the metadata; 0 = there is none, or one that no number here is as large as.
func (s section) number(key string) (n int) {
	v, ok := s.get(0, key)
	if !ok || v.kind != typeUint16 && v.kind != typeUint32 && v.kind != typeUint64 {
		return 0
	}
	for _, b := range s[v.at : v.at+v.size] {
		if n >= 1<<48 {
			return 0
		}
		n = n<<8 | int(b)
	}
	return n
}
