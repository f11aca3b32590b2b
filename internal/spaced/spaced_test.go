package spaced_test

import (
	"slices"
	"testing"

	"signet/internal/spaced"
)

func TestRFC6749_3_3_OnlyASpacePartsWords(t *testing.T) {
	for list, want := range map[string][]string{
		"": nil, "   ": nil, "a": {"a"}, " a  b ": {"a", "b"}, "a\u00a0b c": {"a\u00a0b", "c"}, "a\tb\nc": {"a\tb\nc"}, "\u2003a": {"\u2003a"},
	} {
		if got := spaced.Words(list); !slices.Equal(got, want) {
			t.Errorf("%q: %q", list, got)
		}
	}
}
