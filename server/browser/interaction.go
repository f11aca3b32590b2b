package browser

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"signet/audit"
	"signet/oauth/flow"
	"signet/server/web"
	"signet/storage"
)

// The errands.
const (
	ErrandAuthorize = "authorize" // ends at the dispatcher
	ErrandAccount   = "account"   // a plain sign-in, ends at the account page; needs no row until there is something to remember
	ErrandConfirm   = "confirm"   // the person signed in proves it again, and goes on to a page of ours
)

// maxRequest is how much of a request an interaction keeps, in bytes.
const maxRequest = 8 << 10

// request is the JSON of a row's request column.
type request struct {
	Errand  string       `json:"errand"`
	Then    string       `json:"then,omitempty"`
	Request flow.Request `json:"request"`
}

// Begin stores a request in progress, bound to this browser's cookie, which is made if there is none. A network with too
// many of them gets a 429.
func (b *Browser) Begin(w http.ResponseWriter, r *http.Request, errand string, req flow.Request) (flow.Interaction, error) {
	return b.begin(w, r, request{Errand: errand, Request: req})
}

// BeginConfirm begins the errand in which the person signed in proves it again; it ends at then, which is one of our own
// pages named by our own code, never by a parameter (security notes C05, F10).
func (b *Browser) BeginConfirm(w http.ResponseWriter, r *http.Request, then string) (flow.Interaction, error) {
	return b.begin(w, r, request{Errand: ErrandConfirm, Then: then})
}

func (b *Browser) begin(w http.ResponseWriter, r *http.Request, req request) (flow.Interaction, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return flow.Interaction{}, fmt.Errorf("begin interaction: %w", err)
	}
	if len(body) > maxRequest {
		return flow.Interaction{}, &web.PageError{Status: http.StatusBadRequest, Kind: "too_large"}
	}
	now := time.Now()
	in := flow.Interaction{
		ID: rand.Text(), Errand: req.Errand, Then: req.Then, Request: req.Request, CreatedAt: now, ExpiresAt: now.Add(b.lifetime),
	}
	err = b.store.InsertInteraction(r.Context(), storage.Interaction{
		ID: in.ID, BrowserHash: b.bind(w, r), Network: audit.OriginOf(r.Context()).Network,
		Request: body, Facts: json.RawMessage("{}"), CreatedAt: now, ExpiresAt: in.ExpiresAt,
	}, b.max)
	if errors.Is(err, storage.ErrTooMany) {
		w.Header().Set("Retry-After", "60")
		return flow.Interaction{}, &web.PageError{Status: http.StatusTooManyRequests, Kind: "too_many", Cause: err}
	}
	if err != nil {
		return flow.Interaction{}, fmt.Errorf("begin interaction: %w", err)
	}
	return in, nil
}

// Bind gives the browser its cookie if it has none, so that the next request shows whether it keeps cookies at all.
func (b *Browser) Bind(w http.ResponseWriter, r *http.Request) { b.bind(w, r) }

// Bound tells whether the browser sent its cookie.
func (b *Browser) Bound(r *http.Request) bool { return b.jar.read(r, browserCookie) != "" }

// Mark stands for the browser in what is bound to it: the hash of its cookie, "" if it sent none.
func (b *Browser) Mark(r *http.Request) string {
	secret := b.jar.read(r, browserCookie)
	if secret == "" {
		return ""
	}
	return hash(secret)
}

// bind returns the hash of the browser's cookie.
func (b *Browser) bind(w http.ResponseWriter, r *http.Request) string {
	secret := b.jar.read(r, browserCookie)
	if secret == "" {
		secret = rand.Text() + rand.Text() // 260 bits
		b.jar.write(w, browserCookie, secret, time.Time{})
	}
	return hash(secret)
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Interaction reads the request in progress that ?i= names. Unknown, expired and another browser's are told apart by
// nothing: a *web.PageError of kind "expired"; after a POST without the browser's cookie, of kind "cookies".
func (b *Browser) Interaction(r *http.Request) (flow.Interaction, error) {
	secret := b.jar.read(r, browserCookie)
	if secret == "" && r.Method == http.MethodPost {
		return flow.Interaction{}, NoCookies()
	}
	id := r.URL.Query().Get("i")
	if id == "" || len(id) > 64 || secret == "" {
		return flow.Interaction{}, expired(nil)
	}
	row, err := b.store.InteractionByID(r.Context(), id, time.Now())
	if errors.Is(err, storage.ErrNotFound) {
		return flow.Interaction{}, expired(err)
	}
	if err != nil {
		return flow.Interaction{}, fmt.Errorf("read interaction: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(row.BrowserHash), []byte(hash(secret))) != 1 {
		return flow.Interaction{}, expired(errors.New("opened in another browser"))
	}
	return decode(row)
}

func decode(row storage.Interaction) (flow.Interaction, error) {
	in := flow.Interaction{ID: row.ID, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt}
	var req request
	err := json.Unmarshal(row.Request, &req)
	in.Errand, in.Then, in.Request = req.Errand, req.Then, req.Request
	if err := cmp.Or(err, json.Unmarshal(row.Facts, &in.Facts)); err != nil {
		return flow.Interaction{}, fmt.Errorf("read interaction: %w", err)
	}
	return in, nil
}

func expired(cause error) error {
	return &web.PageError{Status: http.StatusBadRequest, Kind: "expired", Cause: cause}
}

// NoCookies is the page for a browser that does not send cookies back.
func NoCookies() error { return &web.PageError{Status: http.StatusBadRequest, Kind: "cookies"} }

// recordTries is how often Record starts again when another tab was quicker.
const recordTries = 5

// Record adds to what happened in the interaction: change sees the newest facts and may run again. in is brought up to
// date. An interaction that is over gives the page of kind "expired".
func (b *Browser) Record(ctx context.Context, in *flow.Interaction, change func(*flow.Facts)) error {
	if in.ID == "" {
		change(&in.Facts)
		return nil
	}
	for range recordTries {
		row, err := b.store.InteractionByID(ctx, in.ID, time.Now())
		if errors.Is(err, storage.ErrNotFound) {
			return expired(err)
		}
		if err != nil {
			return fmt.Errorf("read interaction: %w", err)
		}
		now, err := decode(row)
		if err != nil {
			return err
		}
		change(&now.Facts)
		facts, err := json.Marshal(now.Facts)
		if err != nil {
			return fmt.Errorf("write interaction: %w", err)
		}
		err = b.store.UpdateInteractionFacts(ctx, in.ID, row.Facts, facts)
		if err == nil {
			*in = now
			return nil
		}
		if !errors.Is(err, storage.ErrStale) {
			return fmt.Errorf("write interaction: %w", err)
		}
	}
	return fmt.Errorf("write interaction: %w", storage.ErrStale)
}

// Finish ends the interaction. Of concurrent callers exactly one succeeds; the others get a page of kind "answered", which
// matches storage.ErrStale. In the caller's transaction if there is one.
func (b *Browser) Finish(ctx context.Context, in flow.Interaction) error {
	if in.ID == "" {
		return nil
	}
	err := b.store.SpendInteraction(ctx, in.ID)
	if errors.Is(err, storage.ErrStale) {
		return &web.PageError{Status: http.StatusConflict, Kind: "answered", Cause: err}
	}
	if err != nil {
		return fmt.Errorf("finish interaction: %w", err)
	}
	return nil
}

// Continue is the one way out of every room: to the dispatcher, to where a confirmation was asked for, or to the account
// page.
func (b *Browser) Continue(w http.ResponseWriter, r *http.Request, in flow.Interaction) error {
	if in.Errand == ErrandAuthorize {
		return b.Go(w, r, "/oauth2/continue", &in)
	}
	if in.ID != "" {
		if err := b.store.SpendInteraction(r.Context(), in.ID); err != nil && !errors.Is(err, storage.ErrStale) {
			return fmt.Errorf("finish interaction: %w", err)
		}
	}
	return b.Go(w, r, cmp.Or(in.Then, "/account"), nil)
}

// Onward is where Continue would lead, as a link for a page in between.
func (b *Browser) Onward(in flow.Interaction) string {
	if in.Errand == ErrandAuthorize {
		return b.Path("/oauth2/continue", &in)
	}
	return b.Path(cmp.Or(in.Then, "/account"), nil)
}

// Go answers 303 See Other to one of our own paths.
func (b *Browser) Go(w http.ResponseWriter, r *http.Request, path string, in *flow.Interaction) error {
	return web.Redirect(w, r, b.Path(path, in))
}

// Path is one of our own paths as a link: the issuer's path before it and the interaction, if there is one, behind.
func (b *Browser) Path(path string, in *flow.Interaction) string {
	if in == nil || in.ID == "" {
		return b.path + path
	}
	return b.path + path + "?i=" + in.ID
}

// Another is where somebody else signs in, beside whoever is signed in already.
func (b *Browser) Another(in *flow.Interaction) string {
	path := b.Path("/signin", in)
	if strings.Contains(path, "?") {
		return path + "&other=1"
	}
	return path + "?other=1"
}
