// Package discovery serves what programs read to learn how to use this server: the metadata documents (OpenID Connect
// Discovery 1.0, RFC 8414) on every path form, and the JWKS (RFC 7517).
//
// The documents are computed from the routes that are mounted and from a few facts the wiring states, so they cannot name
// what is not there. They are prepared bytes, made again when keys or resources change. Begin reading with Handler and compose.
package discovery

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"signet/server/web"
)

// metadataAge is how long others may keep the documents.
const metadataAge = 5 * time.Minute

// Keys is what the handler wants of the key ring.
type Keys interface {
	JWKS() (body []byte, etag string)
	Algs() []string
	CacheTime() time.Duration
	Version() uint64
}

// Facts are what the routes do not tell. Empty lists are left out of the documents.
type Facts struct {
	GrantTypes    []string // grant_types_supported
	GrantProfiles []string // authorization_grant_profiles_supported
	ChainedTypes  []string // identity_chaining_requested_token_types_supported
	RequestAlgs   []string // of request objects; nil = none are taken
	ResponseTypes []string // with response modes and prompts: only beside a mounted authorization endpoint
	ResponseModes []string
	Prompts       []string
	PersonScopes  []string // that userinfo answers to
	Scopes        []string // the server's own and those of all resources
	DetailsTypes  []string // of authorization details, of all resources
	Claims        []string
	ACRs          []string
	Locales       []string // BCP 47 tags of the pages' languages
	Developers    string   // addresses of pages: for developers of apps,
	Policy, Terms string   // the privacy policy and the terms of service; "" = none
	AuthMethods   []string // of clients at the token and revocation endpoints
	AssertionAlgs []string // for private_key_jwt
	PushesTokens  bool     // … in the backchannel mode push
	MustPush      bool     // authorization requests come by the pushed way only
	Documents     bool     // clients may be known by their metadata documents
	ProofAlgs     []string // of DPoP proofs; nil = none are read
	UserinfoAlgs  []string // of signed userinfo answers
	MTLS          string   // where the endpoints are that apps come to with a certificate, without a slash at its end; "" = nowhere
	// EncryptionAlgs and EncryptionEncs are those of what is encrypted for clients; nil = nothing is.
	EncryptionAlgs, EncryptionEncs []string
	// RequestEncAlgs and RequestEncs are those of request objects that are encrypted to us; nil = none are taken.
	RequestEncAlgs, RequestEncs []string
	// BackchannelLogout and FrontchannelLogout: clients are told, with the sid, of sessions that ended.
	BackchannelLogout, FrontchannelLogout bool
	// IntrospectionAuthMethods are those of AuthMethods that authenticate.
	IntrospectionAuthMethods []string
}

// Options of New; all but Facts are required.
type Options struct {
	Issuer string // the iss of every token, byte for byte
	Keys   Keys
	// Facts is asked each time the documents are made.
	Facts func() Facts
}

// Handler serves the documents.
type Handler struct {
	issuer string
	path   string // of the issuer, without a slash at its end
	keys   Keys
	facts  func() Facts
	routes func() []string

	making   sync.Mutex
	metadata atomic.Pointer[document]
	userinfo atomic.Pointer[document]
	keySet   atomic.Pointer[document]
}

// document is prepared bytes with their headers.
type document struct {
	version uint64 // of the ring
	body    []byte
	etag    string
	headers [4]header
}

type header struct {
	name  string
	value []string
}

// New makes the handler.
func New(o Options) (*Handler, error) {
	if o.Issuer == "" || o.Keys == nil || o.Facts == nil {
		return nil, errors.New("discovery: issuer, keys and facts are required")
	}
	u, err := url.Parse(o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: issuer: %w", err)
	}
	return &Handler{issuer: o.Issuer, path: strings.TrimRight(u.EscapedPath(), "/"), keys: o.Keys, facts: o.Facts}, nil
}

// The well-known names of OpenID Connect Discovery section 4 and RFC 8414 section 3.
const (
	wellKnownOpenID = "/.well-known/openid-configuration"
	wellKnownOAuth  = "/.well-known/oauth-authorization-server"
	// wellKnownResource is of RFC 9728 section 3.
	wellKnownResource = "/.well-known/oauth-protected-resource"
)

// UserinfoMetadata is the address of the userinfo endpoint's own metadata, for its challenges (RFC 9728 section 5.1).
func UserinfoMetadata(issuer *url.URL) string {
	return issuer.Scheme + "://" + issuer.Host + wellKnownResource + strings.TrimRight(issuer.EscapedPath(), "/") + "/userinfo"
}

// Mount states the routes. For an issuer with a path the documents stand both under the path (OpenID Connect) and with the
// path behind the well-known name (RFC 8414 section 3.1), for clients look in either place.
func (r *Handler) Mount(m *web.Mux) {
	r.routes = m.Mounted
	m.API("GET /oauth2/jwks", web.PublicCORS, r.jwks)
	m.Root("GET "+wellKnownResource+r.path+"/userinfo", web.PublicCORS, r.aboutUserinfo)
	for _, name := range []string{wellKnownOpenID, wellKnownOAuth} {
		m.API("GET "+name, web.PublicCORS, r.configuration)
		if r.path != "" {
			m.Root("GET "+name+r.path, web.PublicCORS, r.configuration)
		}
	}
}

// Rebuild makes the documents again: called when the facts have changed (a resource came or went).
func (r *Handler) Rebuild() error {
	r.making.Lock()
	defer r.making.Unlock()
	version := r.keys.Version()
	body, err := compose(r.issuer, r.path, r.routes(), r.keys.Algs(), r.facts())
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`
	r.metadata.Store(prepare(version, body, etag, metadataAge))
	if body, err = composeUserinfo(r.issuer, r.facts()); err != nil {
		return err
	}
	sum = sha256.Sum256(body)
	r.userinfo.Store(prepare(version, body, `"`+base64.RawURLEncoding.EncodeToString(sum[:])+`"`, metadataAge))
	return nil
}

// aboutUserinfo answers with the metadata of the userinfo endpoint as a protected resource (RFC 9728).
func (r *Handler) aboutUserinfo(w http.ResponseWriter, req *http.Request) error {
	d := r.userinfo.Load()
	if d == nil || d.version != r.keys.Version() {
		if err := r.Rebuild(); err != nil {
			return err
		}
		d = r.userinfo.Load()
	}
	return d.serve(w, req)
}

// configuration answers with the metadata.
func (r *Handler) configuration(w http.ResponseWriter, req *http.Request) error {
	d := r.metadata.Load()
	if d == nil || d.version != r.keys.Version() {
		if err := r.Rebuild(); err != nil {
			return err
		}
		d = r.metadata.Load()
	}
	return d.serve(w, req)
}

// jwks answers with the key set.
func (r *Handler) jwks(w http.ResponseWriter, req *http.Request) error {
	d := r.keySet.Load()
	if version := r.keys.Version(); d == nil || d.version != version {
		body, etag := r.keys.JWKS() // of this version or a newer one: then the next request makes it again
		d = prepare(version, body, etag, r.keys.CacheTime())
		r.keySet.Store(d)
	}
	return d.serve(w, req)
}

// prepare makes the headers once; their names are canonical.
func prepare(version uint64, body []byte, etag string, age time.Duration) *document {
	return &document{version: version, body: body, etag: etag, headers: [4]header{
		{"Content-Type", []string{"application/json"}},
		{"Cache-Control", []string{"public, max-age=" + strconv.Itoa(int(age.Seconds()))}},
		{"Etag", []string{etag}},
		{"Content-Length", []string{strconv.Itoa(len(body))}},
	}}
}

// serve writes the document, or 304 to whoever has it already (RFC 9110 section 13.1.2).
func (d *document) serve(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	for _, field := range d.headers[:3] {
		h[field.name] = field.value
	}
	if matches(r.Header["If-None-Match"], d.etag) {
		delete(h, "Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h[d.headers[3].name] = d.headers[3].value
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(d.body) // the client went away: nobody to tell
	}
	return nil
}

// matches compares entity tags weakly, as If-None-Match wants.
func matches(fields []string, etag string) bool {
	for _, field := range fields {
		for tag := range strings.SplitSeq(field, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == etag || tag == "*" {
				return true
			}
		}
	}
	return false
}
