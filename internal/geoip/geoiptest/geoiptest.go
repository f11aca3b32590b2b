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
	return Sized(t, 24, list...)
}

// Sized is Bytes with records of 24, 28 or 32 bits. As in real files, a text that was written is pointed at from then on.
func Sized(t testing.TB, bits int, list ...Network) []byte {
	t.Helper()
	written := map[string]int{}
	nodes := tree{{nothing, nothing}}
	var data []byte
	var offsets []int
	for _, n := range list {
		prefix, err := netip.ParsePrefix(n.Prefix)
		if err != nil {
			t.Fatal(err)
		}
		length, of := prefix.Bits(), prefix.Addr().As16()
		if prefix.Addr().Is4() { // which are at ::/96
			length += 96
			v4 := prefix.Addr().As4()
			of = [16]byte{12: v4[0], v4[1], v4[2], v4[3]}
		}
		nodes.put(of, length, -2-len(offsets))
		offsets = append(offsets, len(data))
		said := map[string]any{}
		for key, value := range map[string]map[string]string{"city": n.City, "country": n.Country} {
			if value != nil {
				said[key] = map[string]any{"names": value}
			}
		}
		data = encode(t, data, said, written)
	}
	var out []byte
	for _, node := range nodes {
		var at [2]int
		for i, branch := range node {
			at[i] = branch
			switch {
			case branch == nothing:
				at[i] = len(nodes)
			case branch < nothing:
				at[i] = len(nodes) + divider + offsets[-2-branch]
			}
		}
		out = appendNode(out, bits, at[0], at[1])
	}
	out = append(append(out, make([]byte, divider)...), data...)
	return encode(t, append(out, "\xab\xcd\xefMaxMind.com"...), map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(Built.Unix()),
		"database_type": "Test-City", "description": map[string]string{"en": "for tests"}, "ip_version": uint16(6),
		"languages": []string{"en", "de"}, "node_count": uint32(len(nodes)), "record_size": uint16(bits),
	}, nil)
}

func appendNode(out []byte, bits, left, right int) []byte {
	switch bits {
	case 24:
		return append(out, byte(left>>16), byte(left>>8), byte(left), byte(right>>16), byte(right>>8), byte(right))
	case 28:
		return append(out, byte(left>>16), byte(left>>8), byte(left), byte(left>>24<<4|right>>24), byte(right>>16), byte(right>>8),
			byte(right))
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(out, uint32(left)), uint32(right))
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
	typePointer = 1
	typeString  = 2
	typeUint16  = 5
	typeUint32  = 6
	typeMap     = 7
	typeUint64  = 9
	typeArray   = 11
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

// encode appends a value. written are the texts that are there, by offset; nil = each is written out.
func encode(t testing.TB, out []byte, v any, written map[string]int) []byte {
	t.Helper()
	switch v := v.(type) {
	case string:
		if at, there := written[v]; there && at < 2048 {
			return append(out, byte(typePointer<<5|at>>8), byte(at))
		} else if there {
			return append(out, byte(typePointer<<5|1<<3), byte((at-2048)>>8), byte(at-2048))
		}
		if written != nil {
			written[v] = len(out)
		}
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
			out = encode(t, out, one, written)
		}
		return out
	case map[string]string:
		all := map[string]any{}
		for key, value := range v {
			all[key] = value
		}
		return encode(t, out, all, written)
	case map[string]any:
		out = control(out, typeMap, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = encode(t, encode(t, out, key, written), v[key], written)
		}
		return out
	}
	t.Fatalf("%T is not written", v)
	return nil
}
