package pages

import (
	"sync"
	"time"
	_ "time/tzdata" // images without the time zone database
)

// At is a time as the person's clock shows it, UTC where their account does not say.
func (p Person) At(t time.Time) time.Time { return t.In(zone(p.Zone)) }

// zones are those that were loaded; nil = there is none of the name. People's accounts name a few hundred at most: names are checked
// against the database before they are kept.
var zones sync.Map // of *time.Location, by name

func zone(name string) *time.Location {
	if name == "" || name == "Local" {
		return time.UTC
	}
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location)
	}
	at, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	zones.Store(name, at)
	return at
}

// placed is a time that says in which zone it is: the server's own is nobody's.
func placed(t time.Time) time.Time {
	if t.Location() == time.Local {
		return t.UTC()
	}
	return t
}
