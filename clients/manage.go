package clients

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/storage"
)

// Create registers a client and returns its metadata with the secret, which is shown this once. Without a client id one is made.
func (r *Registry) Create(ctx context.Context, m Metadata) (Metadata, error) {
	if m.ClientID == "" {
		m.ClientID = strings.ToLower(rand.Text()[:16])
	}
	m.ClientSecret = ""
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
	err = r.o.Store.Tx(ctx, func(ctx context.Context) error {
		if err := r.o.Store.InsertClient(ctx, storage.Client{ID: m.ClientID, Metadata: text, CreatedAt: now, UpdatedAt: now}); err != nil {
			return err
		}
		if !m.HasSecret() {
			return nil
		}
		m.ClientSecret = newSecret()
		return r.o.Store.InsertClientSecret(ctx, r.secretRow(m.ClientID, m.ClientSecret, now), time.Time{})
	})
	if errors.Is(err, storage.ErrConflict) {
		return Metadata{}, fmt.Errorf("%s: %w", m.ClientID, ErrTaken)
	}
	if err != nil {
		return Metadata{}, err
	}
	return m, r.drop(ctx)
}

func (r *Registry) secretRow(client, text string, now time.Time) storage.ClientSecret {
	return storage.ClientSecret{ID: rand.Text(), ClientID: client, CreatedAt: now,
		MAC: base64.RawURLEncoding.EncodeToString(mac(r.o.SecretKeys[0], text))}
}

// acceptable is Validate and what needs to know the others: no id may be the issuer's or a resource's.
func (r *Registry) acceptable(m Metadata) error {
	err := m.Validate()
	if _, ok := r.Resources().Find(m.ClientID); ok || sameIdentifier(m.ClientID, r.o.Issuer) {
		err = errors.Join(err, fmt.Errorf("client_id: %q is the issuer's or a resource's identifier", m.ClientID))
	}
	return err
}

// Update replaces a stored client's metadata (not its secret, not whether it is enabled).
func (r *Registry) Update(ctx context.Context, m Metadata) error {
	c, err := r.stored(ctx, m.ClientID)
	if err != nil {
		return err
	}
	m.ClientSecret = ""
	m = m.WithDefaults()
	if err := r.acceptable(m); err != nil {
		return err
	}
	return r.write(ctx, m, c.DisabledAt)
}

// SetDisabled disables or enables a stored client.
func (r *Registry) SetDisabled(ctx context.Context, id string, disabled bool) error {
	c, err := r.stored(ctx, id)
	if err != nil {
		return err
	}
	at := time.Time{}
	if disabled {
		at = time.Now()
	}
	return r.write(ctx, c.Metadata, at)
}

func (r *Registry) write(ctx context.Context, m Metadata, disabledAt time.Time) error {
	text, err := m.MarshalStored()
	if err != nil {
		return err
	}
	if err := r.o.Store.UpdateClient(ctx, storage.Client{ID: m.ClientID, Metadata: text, DisabledAt: disabledAt, UpdatedAt: time.Now()}); err != nil {
		return err
	}
	return r.drop(ctx)
}

// Delete removes a client with its secrets and consents and revokes its grants. For an id that is only remembered by grants
// (a client removed from the configuration) it does the same.
func (r *Registry) Delete(ctx context.Context, id string) error {
	if r.declared[id] != nil {
		return fmt.Errorf("%s: %w", id, ErrDeclared)
	}
	if err := r.o.Store.DeleteClient(ctx, id, time.Now()); err != nil {
		return err
	}
	return r.drop(ctx)
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
	now, text := time.Now(), newSecret()
	if err := r.o.Store.InsertClientSecret(ctx, r.secretRow(id, text, now), now.Add(keep)); err != nil {
		return "", err
	}
	return text, r.drop(ctx)
}

func (r *Registry) stored(ctx context.Context, id string) (*Client, error) {
	if r.declared[id] != nil {
		return nil, fmt.Errorf("%s: %w", id, ErrDeclared)
	}
	return r.read(ctx, id)
}

// List is every client, declared first, then stored by id.
func (r *Registry) List(ctx context.Context) ([]*Client, error) {
	var all []*Client
	for _, c := range r.declared {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Client) int { return strings.Compare(a.ClientID, b.ClientID) })
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

// PutResource stores one.
func (r *Registry) PutResource(ctx context.Context, res Resource) error {
	if err := res.Validate(); err != nil {
		return err
	}
	if r.isDeclared(res.Identifier) {
		return fmt.Errorf("%s: %w", res.Identifier, ErrDeclared)
	}
	if err := r.free(ctx, res.Identifier); err != nil {
		return err
	}
	row, err := rowOf(res)
	if err != nil {
		return err
	}
	if err := r.o.Store.PutResource(ctx, row); err != nil {
		return err
	}
	return r.drop(ctx)
}

// free tells whether an identifier is not the issuer's, a client's, or another spelling of a resource's.
func (r *Registry) free(ctx context.Context, identifier string) error {
	if sameIdentifier(identifier, r.o.Issuer) {
		return fmt.Errorf("identifier: %q is the issuer", identifier)
	}
	if other, ok := r.Resources().Find(identifier); ok && other.Identifier != identifier {
		return fmt.Errorf("identifier: %q is registered already, spelled %q", identifier, other.Identifier)
	}
	switch _, err := r.Client(ctx, identifier); {
	case err == nil:
		return fmt.Errorf("identifier: %q is the id of a client", identifier)
	case errors.Is(err, ErrUnknown):
		return nil
	default:
		return err
	}
}

// DeleteResource removes a stored one.
func (r *Registry) DeleteResource(ctx context.Context, identifier string) error {
	if r.isDeclared(identifier) {
		return fmt.Errorf("%s: %w", identifier, ErrDeclared)
	}
	if err := r.o.Store.DeleteResource(ctx, identifier); err != nil {
		return err
	}
	return r.drop(ctx)
}

func (r *Registry) isDeclared(identifier string) bool {
	return slices.ContainsFunc(r.o.Resources, func(d Resource) bool { return sameIdentifier(d.Identifier, identifier) })
}
