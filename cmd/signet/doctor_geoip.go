package main

import (
	"fmt"
	"time"

	"signet/config"
	"signet/internal/geoip"
)

// oldPlaces is the age from which a file tells many addresses wrong.
const oldPlaces = 90 * 24 * time.Hour

// lookAtGeoIP reads the file that tells where addresses are. One that is not there, or damaged, is none that a valid configuration names.
func lookAtGeoIP(c config.Config) []finding {
	const about = "geoip"
	if c.GeoIP.File == "" {
		return nil
	}
	places, err := geoip.Open(c.GeoIP.File)
	if err != nil {
		return []finding{{about, false, "geoip.file: " + err.Error()}}
	}
	text := places.Described()
	if age := time.Since(places.Built()); age > oldPlaces {
		text = fmt.Sprintf("worth a look: %s, is %d days old; places of many addresses are others by now", text, int(age.Hours()/24))
	}
	return []finding{{about, true, text}}
}
