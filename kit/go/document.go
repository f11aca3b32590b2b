package kit

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// Document is what the API's metadata says beside what is known already (RFC 9728 section 2). Zero is a good one.
type Document struct {
	// Scopes that most clients need; not offline_access.
	Scopes []string
	// Name of the API for people; Documentation, Policy and Terms are addresses.
	Name, Documentation, Policy, Terms string
	// CertificateBound says that tokens have to be bound to the client's certificate.
	CertificateBound bool
	// Details are the types of authorization_details that the API understands.
	Details []string
	// Root publishes the document without the identifier's path, too, where some clients look: the API has the host to itself.
	Root bool
}

const wellKnownPath = "/.well-known/oauth-protected-resource"

// wellKnown is the address of the document of an identifier (RFC 9728 section 3.1).
func wellKnown(id *url.URL) string {
	address := origin(id, true).String() + documentPath(id)
	if id.RawQuery != "" {
		address += "?" + id.RawQuery
	}
	return address
}

func documentPath(id *url.URL) string {
	path := id.EscapedPath()
	if path == "/" {
		path = ""
	}
	return wellKnownPath + path
}

// Metadata serves the API's metadata (RFC 9728). [API.Mount] knows where.
func (a *API) Metadata() http.Handler {
	body := a.document()
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cache-Control", "public, max-age=300")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodOptions: // of any script, with any header
			h.Set("Access-Control-Allow-Methods", "GET")
			if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
				h.Set("Access-Control-Allow-Headers", quoted(asked))
				h.Set("Vary", "Access-Control-Request-Headers")
			}
			w.WriteHeader(http.StatusNoContent)
			return
		default:
			h.Set("Allow", "GET, HEAD, OPTIONS")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		h.Set("ETag", tag)
		if strings.Contains(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

func (a *API) document() []byte {
	d := a.o.Document
	body, _ := json.Marshal(struct {
		Resource      string   `json:"resource"`
		Servers       []string `json:"authorization_servers"`
		Scopes        []string `json:"scopes_supported,omitempty"`
		Methods       []string `json:"bearer_methods_supported"`
		Name          string   `json:"resource_name,omitempty"`
		Documentation string   `json:"resource_documentation,omitempty"`
		Policy        string   `json:"resource_policy_uri,omitempty"`
		Terms         string   `json:"resource_tos_uri,omitempty"`
		Algorithms    []string `json:"dpop_signing_alg_values_supported"`
		DPoP          bool     `json:"dpop_bound_access_tokens_required,omitempty"`
		Certificates  bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
		Details       []string `json:"authorization_details_types_supported,omitempty"`
	}{a.resource, []string{a.issuer}, d.Scopes, []string{"header"}, d.Name, d.Documentation, d.Policy, d.Terms, proofAlgorithms,
		a.o.DPoP.Required, d.CertificateBound, d.Details})
	return body
}

// Mount adds the metadata to a mux, at the path that the identifier gives it. An identifier that is no address has none.
func (a *API) Mount(mux *http.ServeMux) {
	if a.metadata == "" {
		return
	}
	id, _ := url.Parse(a.resource)
	paths := map[string]bool{documentPath(id): true}
	if a.o.Document.Root {
		paths[wellKnownPath] = true
	}
	for path := range paths {
		if strings.HasSuffix(path, "/") {
			path += "{$}"
		}
		mux.Handle(path, a.Metadata())
	}
}
