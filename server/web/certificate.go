package web

import (
	"net/http"
	"time"

	"signet/oauth/mtls"
	"signet/oauth/refusal"
)

// CertificateHandler is Handler for the listener that asks for client certificates: the same routes for programs. Pages are not shown,
// their requests are sent on to the issuer.
func (m *Mux) CertificateHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.begin(&exchange{Context: r.Context(), out: w, start: time.Now(), route: m.nowhere, asked: true}, r)
	})
}

// Certificate is the one that the client proved to have the key of (RFC 8705), to the listener that asks for certificates; nil = none.
// What a connection to another listener shows counts for nothing. Errors are *refusal.Refusal.
func Certificate(r *http.Request) (*mtls.Certificate, error) {
	x := exchangeOf(r.Context())
	if x == nil || !x.asked {
		return nil, nil
	}
	c, err := mtls.OfConnection(r.TLS)
	if err != nil {
		return nil, refusal.InvalidRequest("The client certificate cannot be used.").Because(err)
	}
	return c, nil
}
