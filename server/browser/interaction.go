package browser

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"signet/audit"
	"signet/oauth/flow"
	"signet/server/web"
	"signet/storage"
)

const (
	// maxRequest is how much of a request an interaction keeps, in bytes.
	maxRequest = 16 << 10
	// pastLife is how long what is left of an interaction is kept after it was begun.
	pastLife = 24 * time.Hour
)

// ErrTooLarge: the request has more than an interaction keeps.
var ErrTooLarge error = &web.PageError{Status: http.StatusBadRequest, Kind: "too_large"}

// request is the JSON of a row's request column. The names are those of the first release.
type request struct {
	Purpose string       `json:"errand"`
	EndsAt  string       `json:"then,omitempty"`
	Request flow.Request `json:"request"`
	// Answered is kept of a request that is over (TrimPast): the app had its answer.
	Answered bool `json:"answered,omitempty"`
}

// Begin stores a sign-in in progress, bound to this browser's cookie, which is made if there is none. Where there are too many an
// older one gives way (rule V06, bounds.go). ErrCookieFirst: the browser has to show its cookie first; it is in the answer.
func (b *Browser) Begin(w http.ResponseWriter, r *http.Request, purpose string, req flow.Request) (flow.Interaction, error) {
	return b.begin(w, r, request{Purpose: purpose, Request: req})
}

// BeginAt is Begin of a sign-in that ends at a page of ours; "" = the account.
func (b *Browser) BeginAt(w http.ResponseWriter, r *http.Request, purpose string, req flow.Request,
	endsAt string) (flow.Interaction, error) {
	return b.begin(w, r, request{Purpose: purpose, Request: req, EndsAt: endsAt})
}

// BeginConfirm begins a sign-in in which the person signed in proves it again; it ends at a page of ours, named by our own code
// and never by a parameter (rule F10).
func (b *Browser) BeginConfirm(w http.ResponseWriter, r *http.Request, endsAt string) (flow.Interaction, error) {
	return b.begin(w, r, request{Purpose: flow.PurposeConfirm, EndsAt: endsAt})
}

func (b *Browser) begin(w http.ResponseWriter, r *http.Request, req request) (flow.Interaction, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return flow.Interaction{}, fmt.Errorf("begin interaction: %w", err)
	}
	if len(body) > maxRequest {
		return flow.Interaction{}, ErrTooLarge
	}
	if !web.Navigation(r) { // an image or a frame of another site's page (V06)
		return flow.Interaction{}, &web.PageError{Status: http.StatusForbidden, Kind: "cross_site", Cause: errors.New("not a navigation")}
	}
	now := time.Now()
	in := flow.Interaction{
		ID: rand.Text(), Purpose: req.Purpose, EndsAt: req.EndsAt, Request: req.Request, CreatedAt: now, ExpiresAt: now.Add(b.lifetime),
	}
	origin := audit.OriginOf(r.Context())
	who := b.holder(r, origin)
	in.Row = storage.Interaction{
		ID: in.ID, BrowserHash: b.bind(w, r), Network: origin.Network, Address: who.address, Holder: who.name,
		Request: body, Facts: json.RawMessage("{}"), CreatedAt: now, ExpiresAt: in.ExpiresAt,
	}
	if err := b.insert(r.Context(), in.Row, who); err != nil {
		return flow.Interaction{}, err
	}
	return in, nil
}

// Bind gives the browser its cookie if it has none, so that the next request shows whether it keeps cookies at all.
func (b *Browser) Bind(w http.ResponseWriter, r *http.Request) { b.bind(w, r) }

// Bound reports whether the browser sends cookies back: its own, or that of a session, which may be kept for longer.
func (b *Browser) Bound(r *http.Request) bool {
	return b.jar.read(r, browserCookie) != "" || b.jar.read(r, sessionCookie) != ""
}

// Mark stands for the browser in what is bound to it: the hash of its cookie, "" if it sent none.
func (b *Browser) Mark(r *http.Request) string {
	secret := b.jar.read(r, browserCookie)
	if secret == "" {
		return ""
	}
	return hash(secret)
}

// Owner is Mark for what is nothing without a browser: one that sent no cookie is told so.
func (b *Browser) Owner(r *http.Request) (string, error) {
	mark := b.Mark(r)
	if mark == "" {
		return "", NoCookies()
	}
	return mark, nil
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

// Interaction reads the sign-in in progress that ?i= names. Unknown, long over and another browser's are told apart by
// nothing: a *web.PageError of kind "expired"; after a POST without the browser's cookie, of kind "cookies". An authorization request
// that took too long is Over, for a day.
func (b *Browser) Interaction(r *http.Request) (flow.Interaction, error) {
	return b.Resume(r, r.URL.Query().Get("i"))
}

// Resume is Interaction of an id that the browser brings along in another way.
func (b *Browser) Resume(r *http.Request, id string) (flow.Interaction, error) {
	secret := b.jar.read(r, browserCookie)
	if secret == "" && r.Method == http.MethodPost {
		return flow.Interaction{}, NoCookies()
	}
	if id == "" || len(id) > 64 || secret == "" {
		return flow.Interaction{}, expired(nil)
	}
	in, err := b.find(r.Context(), id)
	if err != nil {
		return flow.Interaction{}, err
	}
	if subtle.ConstantTimeCompare([]byte(in.Row.BrowserHash), []byte(hash(secret))) != 1 {
		return flow.Interaction{}, expired(errors.New("opened in another browser"))
	}
	if r.Method == http.MethodPost && !in.Row.Posted {
		if err := b.bounds.PostInteraction(r.Context(), in.ID, time.Now()); err != nil {
			return flow.Interaction{}, fmt.Errorf("note that a form was sent: %w", err)
		}
		in.Row.Posted = true
	}
	return in, nil
}

// find reads the row of an id, also one that is over.
func (b *Browser) find(ctx context.Context, id string) (flow.Interaction, error) {
	now := time.Now()
	row, err := b.store.InteractionByID(ctx, id, now.Add(b.lifetime-pastLife))
	if errors.Is(err, storage.ErrNotFound) {
		return flow.Interaction{}, expired(err)
	}
	if err != nil {
		return flow.Interaction{}, fmt.Errorf("read interaction: %w", err)
	}
	in, err := decode(row)
	if err != nil {
		return flow.Interaction{}, err
	}
	if in.Over = !now.Before(row.ExpiresAt); in.Over && in.Purpose != flow.PurposeAuthorize {
		return flow.Interaction{}, expired(storage.ErrNotFound)
	}
	return in, nil
}

// decode types a row. One whose progress a later release wrote cannot be judged here: storage.ErrUnavailable.
func decode(row storage.Interaction) (flow.Interaction, error) {
	in := flow.Interaction{ID: row.ID, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, Row: row}
	var req request
	if err := json.Unmarshal(row.Request, &req); err != nil {
		return flow.Interaction{}, fmt.Errorf("read interaction: %w", err)
	}
	in.Purpose, in.EndsAt, in.Request = req.Purpose, req.EndsAt, req.Request
	var written struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(row.Facts, &written); err != nil {
		return flow.Interaction{}, fmt.Errorf("read interaction: %w", err)
	}
	if written.Version > flow.ProgressVersion {
		return flow.Interaction{}, fmt.Errorf("%w: an interaction of version %d, of a later release", storage.ErrUnavailable, written.Version)
	}
	if err := json.Unmarshal(row.Facts, &in.Progress); err != nil {
		return flow.Interaction{}, fmt.Errorf("read interaction: %w", err)
	}
	if req.Answered {
		in.Progress.Answers = max(in.Progress.Answers, 1)
	}
	return in, nil
}

func expired(cause error) error {
	return &web.PageError{Status: http.StatusBadRequest, Kind: "expired", Cause: cause}
}

// IsExpired reports whether an error of Interaction or Record says that there is no such sign-in in progress (any more).
func IsExpired(err error) bool {
	page, ok := errors.AsType[*web.PageError](err)
	return ok && page.Kind == "expired"
}

// NoCookies is the page for a browser that does not send cookies back.
func NoCookies() error { return &web.PageError{Status: http.StatusBadRequest, Kind: "cookies"} }

// recordTries is how often Record starts again when another tab was quicker: of as many at once each has its turn.
const recordTries = 24

// Record adds to what happened in the interaction: change sees the newest progress and may run again. in is brought up to
// date. An interaction that is over gives the page of kind "expired".
func (b *Browser) Record(ctx context.Context, in *flow.Interaction, change func(*flow.Progress)) error {
	if in.ID == "" {
		change(&in.Progress)
		return nil
	}
	for range recordTries {
		next := *in
		facts, err := progressed(&next, change)
		if err != nil {
			return err
		}
		err = b.store.UpdateInteractionFacts(ctx, in.ID, in.Row.Facts, facts)
		if err == nil {
			next.Row.Facts = facts
			*in = next
			return nil
		}
		if !errors.Is(err, storage.ErrStale) {
			return fmt.Errorf("write interaction: %w", err)
		}
		if *in, err = b.find(ctx, in.ID); err != nil {
			return err
		}
		if in.Over {
			return expired(storage.ErrNotFound)
		}
	}
	return fmt.Errorf("write interaction: %w", storage.ErrStale)
}

// progressed applies a change and gives the JSON of what the row is to hold.
func progressed(in *flow.Interaction, change func(*flow.Progress)) (json.RawMessage, error) {
	in.Progress.Granted = slices.Clone(in.Progress.Granted)
	if p := in.Progress.PendingFactor; p != nil {
		copied := *p
		in.Progress.PendingFactor = &copied
	}
	change(&in.Progress)
	in.Progress.Version = flow.ProgressVersion
	facts, err := json.Marshal(in.Progress)
	if err != nil {
		return nil, fmt.Errorf("write interaction: %w", err)
	}
	return facts, nil
}

// Answer notes that the app gets an answer, by a compare-and-swap on the progress as it was read: storage.ErrStale if another tab
// was quicker. In the caller's transaction if there is one.
func (b *Browser) Answer(ctx context.Context, in flow.Interaction, change func(*flow.Progress)) error {
	if in.ID == "" {
		return nil
	}
	facts, err := progressed(&in, change)
	if err != nil {
		return err
	}
	if err := b.store.AnswerInteraction(ctx, in.Row, facts, b.max, time.Now()); err != nil {
		return fmt.Errorf("answer interaction: %w", err)
	}
	return nil
}

// End forgets an interaction that needs no answer; done twice is done.
func (b *Browser) End(ctx context.Context, in flow.Interaction) error {
	if in.ID == "" {
		return nil
	}
	if err := b.store.SpendInteraction(ctx, in.ID); err != nil && !errors.Is(err, storage.ErrStale) {
		return fmt.Errorf("end interaction: %w", err)
	}
	return nil
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
