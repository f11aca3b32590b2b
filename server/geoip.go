package server

import (
	"context"
	"fmt"

	"signet/internal/geoip"
	"signet/server/pages"
)

// newPages makes the pages, with the file that tells where addresses are.
func (h *Services) newPages() (*pages.Pages, error) {
	if h.Config.GeoIP.File == "" || h.offline {
		return newPages(h.Config, nil)
	}
	places, err := geoip.Open(h.Config.GeoIP.File)
	if err != nil {
		return nil, fmt.Errorf("geoip.file: %w", err)
	}
	h.places = places
	return newPages(h.Config, places.Where)
}

// lookForPlaces takes up a file that was replaced; after an error the one before is used on.
func (h *Services) lookForPlaces(context.Context) error {
	if h.places == nil {
		return nil
	}
	return h.places.Look()
}
