package server

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"signet/config"
	"signet/internal/egress"
	"signet/internal/regular"
	"signet/internal/seal"
	"signet/server/login"
	"signet/server/web"
	"signet/storage"
	"signet/users/federation"
	"signet/users/federation/provider"
)

// UpstreamSettings are those of a configured upstream as its Provider needs them.
func UpstreamSettings(u config.Upstream) provider.Settings {
	return provider.Settings{
		ID: u.ID, Kind: u.Kind, Issuer: u.Issuer, ClientID: u.ClientID, ClientSecret: u.ClientSecret.Reveal(), Scopes: u.Scopes, Prompt: u.Prompt,
		Offline: u.Offline, Domains: u.Domains, GraphVersion: u.GraphVersion, Tenant: u.Tenant, TeamID: u.TeamID, KeyID: u.KeyID,
		PrivateKey: u.PrivateKey.Reveal(), Groups: u.GroupsClaim,
	}
}

// UpstreamClient is the guarded way to upstreams: people wait for their answers, many at a time. An issuer that the operator
// wrote down may be inside.
func UpstreamClient(c config.Config) (*egress.Client, error) {
	roots, err := Roots(c)
	if err != nil {
		return nil, err
	}
	inner := slices.Clone(c.Egress.InnerHosts)
	for _, u := range c.Upstreams {
		if at, err := url.Parse(u.Issuer); !u.Stored && err == nil && at.Hostname() != "" {
			inner = append(inner, at.Hostname())
		}
	}
	return egress.New(egress.Options{Total: 8 * time.Second, MaxBody: 1 << 20, InFlight: 128, PerHost: 64, Roots: roots,
		Allow: c.Egress.AllowHosts, Inner: inner}), nil
}

// UpstreamCallback is the redirect URI to register at an upstream.
func UpstreamCallback(c config.Config, id string) string {
	return c.Server.Issuer + login.WithPath + id + "/callback"
}

// kindNames are what buttons say and show where the configuration does not.
var kindNames = map[string]string{
	config.UpstreamGoogle: "Google", config.UpstreamFacebook: "Facebook", config.UpstreamGitHub: "GitHub",
	config.UpstreamMicrosoft: "Microsoft",
	config.UpstreamApple:     "Apple",
}

// openFederation builds what upstreams need; h.Federation stays nil where none is configured.
func (h *Services) openFederation() (err error) {
	c := h.Config
	if len(c.Upstreams) == 0 {
		return nil
	}
	out, err := UpstreamClient(c)
	if err != nil {
		return err
	}
	stored, err := storedWay(c)
	if err != nil {
		return err
	}
	var list []federation.Upstream
	for _, u := range c.Upstreams {
		one := federation.Upstream{
			Settings: UpstreamSettings(u), Name: cmp.Or(u.Name, kindNames[u.Kind]), Hidden: u.Hidden, Routes: u.Routes,
			NewAccounts: cmp.Or(u.NewAccounts, federation.AccountsAsSignup), AuthoritativeFor: u.AuthoritativeFor,
			Profile: cmp.Or(u.Profile, federation.ProfileFirst), Claims: u.Claims, GroupMap: u.Groups,
			TrustSecondFactor: u.TrustSecondFactor, KeepTokens: u.KeepTokens, SignOut: u.SignOut,
		}
		if u.Stored {
			one.Client = stored.HTTP()
		}
		if _, known := kindNames[u.Kind]; known {
			one.Mark = u.Kind + ".svg"
		}
		if u.Logo != "" {
			logo, err := readUpstreamLogo(u)
			if err != nil {
				return err
			}
			one.Mark = c.IssuerURL().EscapedPath() + logo.path
		}
		list = append(list, one)
	}
	h.Federation, err = federation.New(federation.Options{
		Upstreams: list, Client: out.HTTP(), Stores: federation.StoresOf(h.DB), Ways: h.Ways, Audit: h.Audit,
		Tickets: h.Tickets, People: h.People, Signup: h.People, Profiles: h.People, Deletions: h.Deletion,
		Members: h.Members, Sessions: h.Sessions, Sealer: sealer{h.Master, h}, Place: seal.Place, Keys: h.Master.DeriveAll("federation state"),
		Log:       h.Log,
		Callback:  func(id string) string { return UpstreamCallback(c, id) },
		SignedOut: c.Server.Issuer + login.WithPath + "signed-out",
	})
	return err
}

// upstreamTargets are the addresses of upstreams, for the policy of pages whose forms end there.
func (h *Services) upstreamTargets() (targets []string) {
	for _, u := range h.Config.Upstreams {
		targets = append(targets, u.Issuer)
	}
	return targets
}

// configured reports whether people can sign in at an upstream still.
func (h *Services) configured(upstream string) bool {
	return slices.ContainsFunc(h.Config.Upstreams, func(u config.Upstream) bool { return u.ID == upstream })
}

// upstreamLogo is an operator's picture for a button.
type upstreamLogo struct {
	path string // under the issuer's
	kind string
	body []byte
}

// maxUpstreamLogo is how large one may be, in bytes.
const maxUpstreamLogo = 64 << 10

func readUpstreamLogo(u config.Upstream) (upstreamLogo, error) {
	key := "upstreams[" + u.ID + "].logo"
	body, err := regular.Read(u.Logo, 1<<20)
	if err != nil {
		return upstreamLogo{}, fmt.Errorf("%s: %w; name an SVG or PNG file that this account can read", key, err)
	}
	kind := map[string]string{".svg": "image/svg+xml", ".png": "image/png"}[strings.ToLower(path.Ext(u.Logo))]
	if kind == "" || len(body) > maxUpstreamLogo || kind == "image/png" && http.DetectContentType(body) != kind {
		return upstreamLogo{}, fmt.Errorf("%s: must be an SVG or PNG file of at most %d bytes", key, maxUpstreamLogo)
	}
	sum := sha256.Sum256(body)
	return upstreamLogo{"/upstreams/" + url.PathEscape(u.ID) + "/" + base64.RawURLEncoding.EncodeToString(sum[:9]), kind, body}, nil
}

// upstreamLogos serves them, each under an address that changes with it.
type upstreamLogos struct{ byPath map[string]upstreamLogo }

func newUpstreamLogos(c config.Config) (upstreamLogos, error) {
	logos := upstreamLogos{map[string]upstreamLogo{}}
	for _, u := range c.Upstreams {
		if u.Logo == "" {
			continue
		}
		logo, err := readUpstreamLogo(u)
		if err != nil {
			return logos, err
		}
		logos.byPath[logo.path] = logo
	}
	return logos, nil
}

// Mount states the route.
func (l upstreamLogos) Mount(m *web.Mux) { m.Asset("GET /upstreams/{upstream}/{hash}", l.serve) }

func (l upstreamLogos) serve(w http.ResponseWriter, r *http.Request) error {
	logo, ok := l.byPath["/upstreams/"+url.PathEscape(r.PathValue("upstream"))+"/"+r.PathValue("hash")]
	if !ok {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: storage.ErrNotFound}
	}
	head := w.Header()
	head.Set("Content-Type", logo.kind)
	head.Set("Content-Length", strconv.Itoa(len(logo.body)))
	head.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(logo.body) // the browser went away: nobody to tell
	return nil
}
