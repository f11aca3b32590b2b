package webhook

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/internal/egress"
	"signet/internal/outbox"
	"signet/storage"
)

// Webhook is an endpoint of another system that wants to be told of events.
type Webhook struct {
	ID           string    `json:"id"`
	URL          string    `json:"url"`
	Description  string    `json:"description"`
	Events       []string  `json:"events" nullable:"false" doc:"Names, beginnings of names with the dot at their end, or * for all."`
	Disabled     bool      `json:"disabled"`
	Why          string    `json:"why,omitempty" doc:"Why it is disabled, if nobody did it."`
	FailingSince time.Time `json:"failing_since,omitzero" doc:"Nothing was taken since."`
	OldUntil     time.Time `json:"old_secret_until,omitzero" doc:"The secret before signs as well until then."`
	Since        time.Time `json:"since" doc:"It is told what happens from then on."`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// Store is the part of *storage.DB that webhooks are kept in.
type Store interface {
	Webhooks(ctx context.Context, each func(id string, data, sealed []byte, version int64)) error
	InsertWebhook(ctx context.Context, id string, version int64, data, sealed []byte) error
	UpdateWebhook(ctx context.Context, id string, version int64, data, sealed []byte) error
	DeleteWebhook(ctx context.Context, id string) error
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// Events is the part of *storage.DB that the log is read by.
type Events interface {
	Cursor(ctx context.Context, name string) (position string, err error)
	MoveCursor(ctx context.Context, name, from, to string) error
	EventsAfter(ctx context.Context, after string, limit int) ([]storage.Event, error)
}

// Waiting is the part of *storage.DB where what is not taken yet waits.
type Waiting interface {
	DeliveriesOfClient(ctx context.Context, clientID string, limit int) ([]storage.Message, error)
	ReviveDeliveries(ctx context.Context, clientID string, now, expires time.Time, limit int) (int64, error)
	HastenDeliveries(ctx context.Context, clientID string, now, after time.Time) error
}

// Sealer seals secrets; *seal.Master.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Options of New; all are required.
type Options struct {
	Store   Store
	Events  Events
	Waiting Waiting
	Outbox  *outbox.Outbox
	Audit   *audit.Log
	Sealer  Sealer
	Place   func(table, row, column string) []byte // names a column's row for the sealer (seal.Place)
	Out     *egress.Client
}

// Service keeps webhooks, and tells them what happens.
type Service struct{ o Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Events == nil || o.Waiting == nil || o.Outbox == nil || o.Audit == nil || o.Sealer == nil || o.Place == nil ||
		o.Out == nil {
		return nil, errors.New("audit/webhook: all options are required")
	}
	return &Service{o}, nil
}

// Errors callers branch on with errors.Is.
var (
	ErrUnknown = errors.New("there is no such webhook")
	ErrInvalid = errors.New("not a webhook") // its text begins with the field that is wrong
	ErrMany    = fmt.Errorf("there are %d webhooks already", most)
	ErrStale   = errors.New("the webhook was changed meanwhile")
)

const (
	most           = 20
	mostEvents     = 50
	keepSecret     = 24 * time.Hour // the secret before
	longText       = 200
	all            = "*"
	secretPrefix   = "whsec_"
	shortestSecret = 24 // bytes
	longestSecret  = 64
)

// row is one as it is stored.
type row struct {
	Webhook
	sealed  []byte
	version int64
}

// List has all, by id.
func (s *Service) List(ctx context.Context) ([]Webhook, error) {
	rows, err := s.rows(ctx)
	list := []Webhook{}
	for _, r := range rows {
		list = append(list, r.Webhook)
	}
	return list, err
}

// Get has one.
func (s *Service) Get(ctx context.Context, id string) (Webhook, error) {
	r, err := s.row(ctx, id)
	return r.Webhook, err
}

func (s *Service) rows(ctx context.Context) (list []row, err error) {
	var broken error
	err = s.o.Store.Webhooks(ctx, func(id string, data, sealed []byte, version int64) {
		r := row{sealed: slices.Clone(sealed), version: version}
		if err := json.Unmarshal(data, &r.Webhook); err != nil {
			broken = errors.Join(broken, fmt.Errorf("webhook %s: %w", id, err))
			return
		}
		r.ID = id
		list = append(list, r)
	})
	if err = errors.Join(err, broken); err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	return list, nil
}

func (s *Service) row(ctx context.Context, id string) (row, error) {
	rows, err := s.rows(ctx)
	for _, r := range rows {
		if r.ID == id {
			return r, nil
		}
	}
	if err == nil {
		err = ErrUnknown
	}
	return row{}, err
}

// Check says what is wrong with one.
func (s *Service) Check(w Webhook) error {
	var wrong []error
	foreign := strings.ContainsFunc(w.URL, func(r rune) bool { return r <= ' ' || r > '~' }) // RFC 3986
	if err := s.o.Out.Check(w.URL); foreign || err != nil && !errors.Is(err, egress.ErrOff) {
		wrong = append(wrong, fmt.Errorf(
			"url: is no https address on port 443 (or of a host of egress.inner_hosts), without user name and fragment, in ASCII%w",
			silent{ErrInvalid}))
	}
	if len(w.Description) > longText || audit.Cut(w.Description) != w.Description {
		wrong = append(wrong, fmt.Errorf("description: is longer than %d bytes, or has invisible characters%w", longText, silent{ErrInvalid}))
	}
	if len(w.Events) == 0 || len(w.Events) > mostEvents {
		wrong = append(wrong, fmt.Errorf("events: name 1 to %d, or *%w", mostEvents, silent{ErrInvalid}))
	}
	for _, want := range w.Events {
		if !slices.ContainsFunc(audit.Names(), func(name audit.Name) bool { return fits(want, string(name)) }) {
			wrong = append(wrong, fmt.Errorf("events: there is no event %.60q, and none begins so; see docs/events.md%w", want,
				silent{ErrInvalid}))
		}
	}
	return errors.Join(wrong...)
}

// fits reports whether an event's name is what a webhook wants: that name, one that begins so where it ends with a dot, or any.
func fits(want, name string) bool {
	return want == all || want == name || strings.HasSuffix(want, ".") && want != "." && strings.HasPrefix(name, want)
}

// hostOf is what of an address is told in events: with some systems the rest of it is a secret.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Host
	}
	return ""
}

// silent adds an error to what another is, and nothing to its text.
type silent struct{ error }

// Error is empty.
func (silent) Error() string { return "" }

// Unwrap is the error.
func (s silent) Unwrap() error { return s.error }

// Create makes one, of an id that is made up where there is none; ErrStale: there is one of that id. An empty secret makes one up; the
// secret is returned this once.
func (s *Service) Create(ctx context.Context, w Webhook, given string) (made Webhook, text string, err error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	w = Webhook{ID: cmp.Or(w.ID, "wh_"+rand.Text()[:16]), URL: w.URL, Description: w.Description, Events: w.Events, Since: s.now(),
		CreatedAt: now, UpdatedAt: now}
	if given == "" {
		given = newSecret()
	}
	if _, err := secretKey(given); err != nil {
		return Webhook{}, "", errors.Join(err, s.Check(w))
	}
	if err := s.Check(w); err != nil {
		return Webhook{}, "", err
	}
	sealed, err := s.seal(w.ID, secrets{Current: given})
	if err != nil {
		return Webhook{}, "", err
	}
	err = s.o.Store.Tx(ctx, func(ctx context.Context) error {
		rows, err := s.rows(ctx)
		if err != nil {
			return err
		}
		if len(rows) >= most {
			return ErrMany
		}
		data, err := json.Marshal(w)
		if err != nil {
			return fmt.Errorf("write webhook: %w", err)
		}
		if err := s.o.Store.InsertWebhook(ctx, w.ID, now.UnixMicro(), data, sealed); errors.Is(err, storage.ErrConflict) {
			return ErrStale
		} else if err != nil {
			return fmt.Errorf("write webhook: %w", err)
		}
		return s.record(ctx, audit.WebhookCreated, w.ID, map[string]any{"host": hostOf(w.URL), "events": w.Events})
	})
	return w, given, err
}

// now is the time by which the log goes.
func (s *Service) now() time.Time { return s.o.Audit.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) record(ctx context.Context, name audit.Name, id string, detail map[string]any) error {
	all := map[string]any{"webhook": id}
	maps.Copy(all, detail)
	return s.o.Audit.Record(ctx, audit.Event{Name: name, Detail: all})
}

// update changes one under compare-and-set, and notes it.
func (s *Service) update(ctx context.Context, r row, name audit.Name, detail map[string]any) (Webhook, error) {
	r.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
	data, err := json.Marshal(r.Webhook)
	if err != nil {
		return Webhook{}, fmt.Errorf("write webhook: %w", err)
	}
	err = s.o.Store.Tx(ctx, func(ctx context.Context) error {
		err := s.o.Store.UpdateWebhook(ctx, r.ID, r.version, data, r.sealed)
		if errors.Is(err, storage.ErrStale) {
			return ErrStale
		}
		if err != nil {
			return fmt.Errorf("write webhook: %w", err)
		}
		if name == "" {
			return nil
		}
		return s.record(ctx, name, r.ID, detail)
	})
	return r.Webhook, err
}

// Change lets do change address, events and description; what it returns an error for stays as it was.
func (s *Service) Change(ctx context.Context, id string, do func(w *Webhook) error) (Webhook, error) {
	r, err := s.row(ctx, id)
	if err != nil {
		return Webhook{}, err
	}
	next := r.Webhook
	next.Events = slices.Clone(next.Events)
	if err := do(&next); err != nil {
		return Webhook{}, err
	}
	var changed []string
	for name, differs := range map[string]bool{"url": next.URL != r.URL, "description": next.Description != r.Description,
		"events": !slices.Equal(next.Events, r.Events)} {
		if differs {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	r.URL, r.Description, r.Events = next.URL, next.Description, next.Events
	if err := s.Check(r.Webhook); err != nil || len(changed) == 0 {
		return r.Webhook, err
	}
	return s.update(ctx, r, audit.WebhookChanged, map[string]any{"changed": changed, "host": hostOf(r.URL)})
}

// Hold looks at one, and keeps it as it is until the end of the caller's transaction.
func (s *Service) Hold(ctx context.Context, id string, fits func(w Webhook) error) error {
	r, err := s.row(ctx, id)
	if err == nil {
		err = fits(r.Webhook)
	}
	if err != nil {
		return err
	}
	_, err = s.update(ctx, r, "", nil)
	return err
}

// SetDisabled stops or begins telling it. What happens while it is disabled it is not told; see Replay.
func (s *Service) SetDisabled(ctx context.Context, id string, disabled bool) (Webhook, error) {
	r, err := s.row(ctx, id)
	if err != nil || r.Disabled == disabled {
		return r.Webhook, err
	}
	name := audit.WebhookDisabled
	r.Disabled, r.Why, r.FailingSince = disabled, "", time.Time{}
	if !disabled {
		name, r.Since = audit.WebhookEnabled, s.now()
	}
	return s.update(ctx, r, name, nil)
}

// CheckSecret reports what is wrong with a secret that is to be given. It is ErrInvalid.
func (s *Service) CheckSecret(text string) error {
	_, err := secretKey(text)
	return err
}

// Signs reports whether a secret is the one that signs.
func (s *Service) Signs(ctx context.Context, id, text string) (bool, error) {
	r, err := s.row(ctx, id)
	if err != nil {
		return false, err
	}
	kept, err := s.open(r)
	if err != nil {
		return false, nil // what is lost signs nothing
	}
	return subtle.ConstantTimeCompare([]byte(text), []byte(kept.Current)) == 1, nil
}

// Rotate gives it another secret, which is made up where none is given, and returned this once. The one before signs as well for a day.
func (s *Service) Rotate(ctx context.Context, id, given string) (w Webhook, text string, err error) {
	if given == "" {
		given = newSecret()
	}
	if err := s.CheckSecret(given); err != nil {
		return Webhook{}, "", err
	}
	r, err := s.row(ctx, id)
	if err != nil {
		return Webhook{}, "", err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	next := secrets{Current: given}
	r.OldUntil = time.Time{}
	if old, err := s.open(r); err == nil { // what is lost signs nothing any more
		next.Old, r.OldUntil = old.Current, now.Add(keepSecret)
	}
	if r.sealed, err = s.seal(id, next); err != nil {
		return Webhook{}, "", err
	}
	w, err = s.update(ctx, r, audit.WebhookRotated, nil)
	return w, next.Current, err
}

// Delete removes it; what waits for it is dropped.
func (s *Service) Delete(ctx context.Context, id string) error {
	return s.o.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.o.Store.DeleteWebhook(ctx, id); errors.Is(err, storage.ErrNotFound) {
			return ErrUnknown
		} else if err != nil {
			return fmt.Errorf("delete webhook: %w", err)
		}
		return s.record(ctx, audit.WebhookDeleted, id, nil)
	})
}
