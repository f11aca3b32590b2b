package server

import (
	"errors"
	"net/http"
	"strconv"

	"signet/server/web"
	"signet/storage"
)

// pictureHandler serves the pictures of people: small JPEGs of our own making, each at an address that only those learn who are told the
// claim. Pages of apps show them, so they may be a part of pages elsewhere.
type pictureHandler struct{ services *Services }

// Mount states the route.
func (p pictureHandler) Mount(m *web.Mux) { m.Asset("GET /pictures/{id}", p.serve) }

func (p pictureHandler) serve(w http.ResponseWriter, r *http.Request) error {
	jpeg, err := p.services.Pictures.Read(r.Context(), r.PathValue("id"))
	if errors.Is(err, storage.ErrNotFound) {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("Content-Length", strconv.Itoa(len(jpeg)))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	// A picture never changes at its address, and is gone from caches a day after it was removed.
	h.Set("Cache-Control", "public, max-age=86400, immutable")
	_, _ = w.Write(jpeg) // the browser went away: nobody to tell
	return nil
}
