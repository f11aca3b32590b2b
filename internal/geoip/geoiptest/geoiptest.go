// Package geoiptest writes files in the MaxMind DB format for tests, byte by byte as its specification says (version 2.0). Nothing in
// them is anybody's data.
package geoiptest

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// Network is one, with the names of its city and country by language; nil = it says none.
type Network struct {
	Prefix        string
	City, Country map[string]string
}

// Built is when the files say that they were made.
var Built = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

const (
	nothing = -1 // a branch of the tree that leads nowhere
	divider = 16 // bytes between tree and data
)

// tree is a binary one, over the bits of IPv6 addresses: a branch is the number of a node, nothing, or data at -2, -3, …
type tree [][2]int

// Bytes are a file of these networks, none of which is within another.
func Bytes(t testing.TB, list ...Network) []byte {
	t.Helper()
	nodes := tree{{nothing, nothing}}
	var data []byte
	var offsets []int
	for _, n := range list {
		prefix, err := netip.ParsePrefix(n.Prefix)
		if err != nil {
			t.Fatal(err)
		}
		bits, of := prefix.Bits(), prefix.Addr().As16()
		if prefix.Addr().Is4() { // which are at ::/96
			bits += 96
			v4 := prefix.Addr().As4()
			of = [16]byte{12: v4[0], v4[1], v4[2], v4[3]}
		}
		nodes.put(of, bits, -2-len(offsets))
		offsets = append(offsets, len(data))
		said := map[string]any{}
		for key, value := range map[string]map[string]string{"city": n.City, "country": n.Country} {
			if value != nil {
				said[key] = map[string]any{"names": value}
			}
		}
		data = encode(t, data, said)
	}
	var out []byte
	for _, node := range nodes {
		for _, branch := range node {
			at := branch
			switch {
			case branch == nothing:
				at = len(nodes)
			case branch < nothing:
				at = len(nodes) + divider + offsets[-2-branch]
			}
			out = append(out, byte(at>>16), byte(at>>8), byte(at))
		}
	}
	out = append(append(out, make([]byte, divider)...), data...)
	return encode(t, append(out, "\xab\xcd\xefMaxMind.com"...), map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(Built.Unix()),
		"database_type": "Test-City", "description": map[string]string{"en": "for tests"}, "ip_version": uint16(6),
		"languages": []string{"en", "de"}, "node_count": uint32(len(nodes)), "record_size": uint16(24),
	})
}

func (nodes *tree) put(of [16]byte, bits, data int) {
	at := 0
	for i := range bits {
		bit := int(of[i/8]>>(7-i%8)) & 1
		if i == bits-1 {
			(*nodes)[at][bit] = data
			return
		}
		if (*nodes)[at][bit] == nothing {
			*nodes = append(*nodes, [2]int{nothing, nothing})
			(*nodes)[at][bit] = len(*nodes) - 1
		}
		at = (*nodes)[at][bit]
	}
}

// The types of the data section.
const (
	typeString = 2
	typeUint16 = 5
	typeUint32 = 6
	typeMap    = 7
	typeUint64 = 9
	typeArray  = 11
)

func control(out []byte, kind, size int) []byte {
	first := []byte{0}
	if kind > typeMap {
		first = append(first, byte(kind-typeMap))
	} else {
		first[0] = byte(kind << 5)
	}
	if size < 29 {
		first[0] |= byte(size)
		return append(out, first...)
	}
	first[0] |= 29
	return append(append(out, first...), byte(size-29))
}

func encode(t testing.TB, out []byte, v any) []byte {
	t.Helper()
	switch v := v.(type) {
	case string:
		return append(control(out, typeString, len(v)), v...)
	case uint16:
		return binary.BigEndian.AppendUint16(control(out, typeUint16, 2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(control(out, typeUint32, 4), v)
	case uint64:
		return binary.BigEndian.AppendUint64(control(out, typeUint64, 8), v)
	case []string:
		out = control(out, typeArray, len(v))
		for _, one := range v {
			out = encode(t, out, one)
		}
		return out
	case map[string]string:
		all := map[string]any{}
		for key, value := range v {
			all[key] = value
		}
		return encode(t, out, all)
	case map[string]any:
		out = control(out, typeMap, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = encode(t, encode(t, out, key), v[key])
		}
		return out
	}
	t.Fatalf("%T is not written", v)
	return nil
}
