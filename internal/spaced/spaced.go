// Package spaced reads lists as the protocol writes them, scope for example.
package spaced

import (
	"slices"
	"strings"
)

// Words are those of a list: a space (%x20) parts them, and nothing else does, no tab and no other space of Unicode (RFC 6749 sections
// 3.1.1 and 3.3).
func Words(list string) []string {
	return slices.DeleteFunc(strings.Split(list, " "), func(word string) bool { return word == "" })
}
