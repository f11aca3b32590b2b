package clients

import (
	"maps"
	"slices"

	"signet/clients/detail"
)

// DetailsOwner finds a type, and the resource that takes it. Where several resources declare the same, it is the first one's.
func (rs *Resources) DetailsOwner(name string) (Resource, detail.Type, bool) {
	at, ok := rs.byDetails[name]
	if !ok {
		return Resource{}, detail.Type{}, false
	}
	r := rs.all[at[0]]
	return r, r.DetailsTypes[at[1]], true
}

// AllDetailsTypes are the names of those that resources declare.
func (rs *Resources) AllDetailsTypes() []string { return slices.Sorted(maps.Keys(rs.byDetails)) }
