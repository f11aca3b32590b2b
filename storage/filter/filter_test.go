package filter_test

import (
	"testing"
	"time"

	"signet/storage/filter"
)

// TestPeople_OneIndexAloneIsNotSifted: a page of all other filters looks at a bounded number of people, however few of them fit. Very many
// groups can hold a role.
func TestPeople_OneIndexAloneIsNotSifted(t *testing.T) {
	t.Parallel()
	sets := []func(f *filter.People){
		func(f *filter.People) { f.Search = "a" }, func(f *filter.People) { f.Disabled = true }, func(f *filter.People) { f.Unverified = true },
		func(f *filter.People) { f.Group = "g" }, func(f *filter.People) { f.CreatedSince = time.Unix(1, 0) },
		func(f *filter.People) { f.Role = "r" },
	}
	for these := range 1 << len(sets) {
		var f filter.People
		count := 0
		for i, set := range sets {
			if these&(1<<i) != 0 {
				set(&f)
				count++
			}
		}
		if want := count > 1 || f.Role != ""; f.Sifts() != want {
			t.Errorf("%+v: %v, want %v", f, f.Sifts(), want)
		}
	}
}
