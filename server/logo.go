package server

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"signet/server/web"
	"signet/storage"
)

// logoHandler serves the pictures of clients: small PNGs of our own making, under an address that changes with them.
type logoHandler struct{ services *Services }

// Mount states the route.
func (l logoHandler) Mount(m *web.Mux) { m.Asset("GET /logos/{client}/{hash}", l.serve) }

func (l logoHandler) serve(w http.ResponseWriter, r *http.Request) error {
	picture, err := l.services.Logos.Picture(r.Context(), r.PathValue("client"), r.PathValue("hash"))
	if errors.Is(err, storage.ErrNotFound) {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Content-Length", strconv.Itoa(len(picture)))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(picture) // the browser went away: nobody to tell
	return nil
}

// logoURL is where a client's picture is; "" = it has none.
func (h *Services) logoURL(clientID string) string {
	hash := h.Logos.Of(clientID)
	if hash == "" {
		return ""
	}
	return h.Config.IssuerURL().EscapedPath() + "/logos/" + url.PathEscape(clientID) + "/" + hash
}
