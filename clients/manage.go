package clients

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"signet/storage"
)

// errReads: the registry was made with a store that does not write.
var errReads = errors.New("this registry only reads")

func (r *Registry) writes() error {
	if r.o.Clients == nil || r.o.Secrets == nil || r.o.APIs == nil {
		return errReads
	}
	return nil
}

// changeable refuses to change a declared client.
func (r *Registry) changeable(id string) error {
	if r.declared[id] != nil {
		return fmt.Errorf("%s: %w", id, ErrDeclared)
	}
	return r.writes()
}

// Also is what is written in the transaction that writes a client; an error undoes both.
type Also func(ctx context.Context, id string) error

func (also Also) do(ctx context.Context, id string) error {
	if also == nil {
		return nil
	}
	return also(ctx, id)
}

// Create registers a client and returns its metadata with the secret, which is shown this once. Without a client id one is made.
func (r *Registry) Create(ctx context.Context, m Metadata) (Metadata, error) {
	return r.CreateAlso(ctx, m, nil)
}

// CreateAlso is Create, and writes what else belongs to it.
func (r *Registry) CreateAlso(ctx context.Context, m Metadata, also Also) (Metadata, error) {
	if err := r.writes(); err != nil {
		return Metadata{}, err
	}
	if m.ClientID == "" {
		m.ClientID = strings.ToLower(rand.Text()[:16])
	}
	m.ClientSecret = ""
	if also == nil {
		m.DocumentHash = "" // nobody says so but package registration
	}
	m = m.WithDefaults()
	if err := r.acceptable(m); err != nil {
		return Metadata{}, err
	}
	if r.declared[m.ClientID] != nil {
		return Metadata{}, fmt.Errorf("%s: %w", m.ClientID, ErrTaken)
	}
	text, err := m.MarshalStored()
	if err != nil {
		return Metadata{}, err
	}
	now := time.Now()
	err = r.o.APIs.Tx(ctx, func(ctx context.Context) error {
		if err := r.o.Clients.InsertClient(ctx, storage.Client{ID: m.ClientID, Metadata: text, CreatedAt: now, UpdatedAt: now}); err != nil {
			return err
		}
		if m.HasSecret() {
			m.ClientSecret = m.newSecret()
			if err := r.keepSecret(ctx, m, m.ClientSecret, now, time.Time{}); err != nil {
				return err
			}
		}
		return also.do(ctx, m.ClientID)
	})
	if errors.Is(err, storage.ErrConflict) {
		return Metadata{}, fmt.Errorf("%s: %w", m.ClientID, ErrTaken)
	}
	if errors.Is(err, storage.ErrNameSpace) {
		return Metadata{}, fmt.Errorf("%s: %w", m.ClientID, ErrPerson)
	}
	if err != nil {
		return Metadata{}, err
	}
	return m, r.wrote(ctx, m.ClientID)
}

// Check reports what is wrong with what is to be registered, as Create and Change do.
func (r *Registry) Check(m Metadata) error { return r.acceptable(m.WithDefaults()) }

// CheckResource reports what is wrong with an API that is to be registered, as PutResource does.
func (r *Registry) CheckResource(ctx context.Context, res Resource) error {
	if r.isDeclared(res.Identifier) {
		return fmt.Errorf("%s: %w", res.Identifier, ErrDeclared)
	}
	return errors.Join(res.Validate(), r.free(ctx, res.Identifier))
}

// errNoPush: the operator wants no tokens sent to addresses.
var errNoPush = errors.New("backchannel_token_delivery_mode: push is off on this server (ciba.push); use poll or ping")

// valid is Validate, with what this server offers.
func (r *Registry) valid(m Metadata) error {
	err := m.Validate(r.o.PrivateSchemes...)
	if m.Pushes() && !r.o.Push {
		return errors.Join(err, errNoPush)
	}
	return err
}

// acceptable is valid and what needs to know the others: no id may be the issuer's or a resource's.
func (r *Registry) acceptable(m Metadata) error {
	err := r.valid(m)
	if _, ok := r.Resources().Find(m.ClientID); ok || sameIdentifier(m.ClientID, r.o.Issuer) {
		err = errors.Join(err, fmt.Errorf("client_id: %q is the issuer's or a resource's identifier", m.ClientID))
	}
	return err
}

// changeTries is how often a change is made again because somebody else wrote at the same time.
const changeTries = 10

// Change lets change write into a stored client's metadata (not its id, its secret, or whether it is enabled), as they are at the
// moment of writing: change may be called again when somebody else wrote first. ErrUnknown, ErrDeclared, ErrChanged.
func (r *Registry) Change(ctx context.Context, id string, change func(m *Metadata) error) (Metadata, error) {
	return r.ChangeAlso(ctx, id, change, nil)
}

// ChangeAlso is Change, and writes what else belongs to it. A client that needs a secret after it and had none gets one, which is in the
// answer.
func (r *Registry) ChangeAlso(ctx context.Context, id string, change func(m *Metadata) error, also Also) (Metadata, error) {
	for range changeTries {
		m, err := r.change(ctx, id, change, also)
		if errors.Is(err, storage.ErrStale) {
			continue
		}
		if err != nil {
			return Metadata{}, err
		}
		return m, r.wrote(ctx, id)
	}
	return Metadata{}, fmt.Errorf("%s: %w", id, ErrChanged)
}

func (r *Registry) change(ctx context.Context, id string, change func(m *Metadata) error, also Also) (m Metadata, err error) {
	if err := r.changeable(id); err != nil {
		return m, err
	}
	row, secrets, err := r.o.Store.ClientByID(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return m, ErrUnknown
	}
	if err != nil {
		return m, fmt.Errorf("read client %q: %w", id, err)
	}
	c, err := fromRow(row, nil)
	if err != nil {
		return m, err
	}
	m = c.Metadata
	if c.FromDocument() && also == nil {
		return m, fmt.Errorf("%s: %w", id, errDocument)
	}
	if err := change(&m); err != nil {
		return m, err
	}
	if also == nil {
		m.DocumentHash = ""
	}
	m.ClientID, m.ClientSecret = id, ""
	m = m.WithDefaults()
	if err := r.acceptable(m); err != nil {
		return m, err
	}
	text, err := m.MarshalStored()
	if err != nil {
		return m, err
	}
	now := time.Now()
	fits := func(s storage.ClientSecret) bool {
		return (s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt)) && (s.Sealed != nil || !m.signsWithSecret())
	}
	fresh := m.HasSecret() && !slices.ContainsFunc(secrets, fits)
	if also == nil && !fresh {
		return m, r.o.Clients.UpdateClient(ctx, id, row.Metadata, text, now)
	}
	return m, r.o.APIs.Tx(ctx, func(ctx context.Context) error {
		if err := r.o.Clients.UpdateClient(ctx, id, row.Metadata, text, now); err != nil {
			return err
		}
		if fresh {
			m.ClientSecret = m.newSecret()
			if err := r.keepSecret(ctx, m, m.ClientSecret, now, time.Time{}); err != nil {
				return err
			}
		}
		return also.do(ctx, id)
	})
}

// Update replaces a stored client's metadata (not its secret, not whether it is enabled), whatever they were. To change some of
// them use Change.
func (r *Registry) Update(ctx context.Context, m Metadata) error {
	_, err := r.Change(ctx, m.ClientID, func(now *Metadata) error { *now = m; return nil })
	return err
}

// SetAdminTools allows a stored client the tools of administrators, or takes them away, and writes what else belongs to it. ErrUnknown,
// ErrDeclared, ErrChanged.
func (r *Registry) SetAdminTools(ctx context.Context, id string, allowed bool, also Also) error {
	_, err := r.ChangeAlso(ctx, id, func(m *Metadata) error { m.AdminTools = allowed; return nil }, also)
	return err
}

// SetDisabled disables or enables a stored client.
func (r *Registry) SetDisabled(ctx context.Context, id string, disabled bool) error {
	if err := r.changeable(id); err != nil {
		return err
	}
	now := time.Now()
	at := time.Time{}
	if disabled {
		at = now
	}
	err := r.o.Clients.SetClientDisabled(ctx, id, at, now)
	if errors.Is(err, storage.ErrNotFound) {
		return ErrUnknown
	}
	if err != nil {
		return err
	}
	return r.wrote(ctx, id)
}

// Delete removes a client with its secrets and consents and revokes its grants. For an id that is only remembered by grants
// (a client removed from the configuration) it does the same.
func (r *Registry) Delete(ctx context.Context, id string) error {
	if err := r.changeable(id); err != nil {
		return err
	}
	if err := r.o.Clients.DeleteClient(ctx, id, time.Now()); err != nil {
		return err
	}
	return r.wrote(ctx, id)
}

// DeleteIf is Delete on a condition: fits is told what the client is at the moment of deletion, and its error is the answer. Nobody
// changes the client between the two. ErrUnknown, ErrDeclared, ErrChanged.
func (r *Registry) DeleteIf(ctx context.Context, id string, fits func(now *Client) error) error {
	if err := r.changeable(id); err != nil {
		return err
	}
	for range changeTries {
		err := r.o.APIs.Tx(ctx, func(ctx context.Context) error {
			row, _, err := r.o.Store.ClientByID(ctx, id)
			if errors.Is(err, storage.ErrNotFound) {
				return ErrUnknown
			}
			if err != nil {
				return fmt.Errorf("read client %q: %w", id, err)
			}
			if err := r.o.Clients.UpdateClient(ctx, id, row.Metadata, row.Metadata, time.Now()); err != nil { // it stays as it is until the end
				return err
			}
			c, err := r.Current(ctx, id)
			if err == nil {
				err = fits(c)
			}
			if err != nil {
				return err
			}
			return r.o.Clients.DeleteClient(ctx, id, time.Now())
		})
		if errors.Is(err, storage.ErrStale) {
			continue
		}
		if err != nil {
			return err
		}
		return r.wrote(ctx, id)
	}
	return fmt.Errorf("%s: %w", id, ErrChanged)
}

// RotateSecret gives a new secret; the others stay valid for keep.
func (r *Registry) RotateSecret(ctx context.Context, id string, keep time.Duration) (string, error) {
	c, err := r.stored(ctx, id)
	if err != nil {
		return "", err
	}
	if !c.HasSecret() {
		return "", fmt.Errorf("%s: a client with token_endpoint_auth_method %s has no secret", id, c.TokenEndpointAuthMethod)
	}
	now, text := time.Now(), c.newSecret()
	if err := r.keepSecret(ctx, c.Metadata, text, now, now.Add(keep)); err != nil {
		return "", err
	}
	return text, r.wrote(ctx, id)
}

// RemoveSecret takes one of a client's away, by its id. storage.ErrNotFound; storage.ErrConflict where it is the last that is valid.
func (r *Registry) RemoveSecret(ctx context.Context, id, secretID string) error {
	if _, err := r.stored(ctx, id); err != nil {
		return err
	}
	if err := r.o.Secrets.RemoveClientSecret(ctx, id, secretID, time.Now()); err != nil {
		return err
	}
	return r.wrote(ctx, id)
}

// SetSecret gives one that somebody else made; the others stay valid for keep.
func (r *Registry) SetSecret(ctx context.Context, id, text string, keep time.Duration) error {
	c, err := r.stored(ctx, id)
	if err != nil {
		return err
	}
	if err := c.CheckNewSecret(text); err != nil {
		return err
	}
	now := time.Now()
	if err := r.keepSecret(ctx, c.Metadata, text, now, now.Add(keep)); err != nil {
		return err
	}
	return r.wrote(ctx, id)
}

// CheckNewSecret reports what is wrong with a secret that somebody else made. It never tells the secret.
func (m Metadata) CheckNewSecret(text string) error {
	const least, most = 43, 256 // 256 bits in base64
	odd := func(c rune) bool { return c <= ' ' || c > '~' }
	switch {
	case !m.HasSecret():
		return fmt.Errorf("client_secret: a client with token_endpoint_auth_method %s has no secret", m.TokenEndpointAuthMethod)
	case len(text) < least || len(text) > most || strings.ContainsFunc(text, odd):
		return fmt.Errorf("client_secret: use %d to %d printable ASCII characters without blanks, of 256 random bits at least", least, most)
	case m.signsWithSecret() && len(text) < secretSize(m.SecretAlg()):
		return fmt.Errorf("client_secret: %s needs %d bytes at least (RFC 7518 section 3.2)", m.SecretAlg(), secretSize(m.SecretAlg()))
	}
	return nil
}

// Mark is what tells later, by Marked, whether a secret is the same, and tells nothing else.
func (r *Registry) Mark(text string) string { return encodeMAC(mac(r.o.SecretKeys[0], "mark "+text)) }

// Marked reports whether a secret is the one of a mark.
func (r *Registry) Marked(mark, text string) bool {
	return slices.ContainsFunc(r.o.SecretKeys, func(key []byte) bool {
		return hmac.Equal([]byte(mark), []byte(encodeMAC(mac(key, "mark "+text))))
	})
}

func (r *Registry) stored(ctx context.Context, id string) (*Client, error) {
	if err := r.changeable(id); err != nil {
		return nil, err
	}
	return r.read(ctx, id)
}

// List is every client, declared first, then stored by id.
func (r *Registry) List(ctx context.Context) ([]*Client, error) {
	all := r.Declared()
	for after := ""; ; {
		rows, err := r.o.Store.Clients(ctx, after, 200)
		if err != nil {
			return nil, fmt.Errorf("list clients: %w", err)
		}
		for _, row := range rows {
			after = row.ID
			if r.declared[row.ID] != nil {
				continue
			}
			c, err := fromRow(row, nil)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
		if len(rows) < 200 {
			return all, nil
		}
	}
}

// FromRow is a stored client as a list of them has it: without its secrets.
func (r *Registry) FromRow(row storage.Client) (*Client, error) { return fromRow(row, nil) }

// CurrentResources are Resources as the database has them at this moment.
func (r *Registry) CurrentResources(ctx context.Context) (*Resources, error) {
	return r.readResources(ctx)
}

// Declared are the clients of the configuration, by id.
func (r *Registry) Declared() []*Client {
	return slices.SortedFunc(maps.Values(r.declared), func(a, b *Client) int { return strings.Compare(a.ClientID, b.ClientID) })
}

// Current is Client as the database has it at this moment, in the caller's transaction: what another replica has just written is in it.
func (r *Registry) Current(ctx context.Context, id string) (*Client, error) {
	if c := r.declared[id]; c != nil {
		return c, nil
	}
	c, err := r.read(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.current(r.view.Load(), c), nil
}
