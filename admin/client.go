package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"signet/admin/thing"
	"signet/audit"
	"signet/clients"
	"signet/storage"
)

// Client is an app as administrators see it: its registration (RFC 7591) without the secret, but where that was just made.
type Client struct {
	clients.Metadata
	Declared bool `json:"declared" doc:"It is in the configuration: change it there."`
	Disabled bool `json:"disabled"`
}

func clientOf(c *clients.Client) Client {
	v := Client{Metadata: c.Metadata, Declared: c.Declared, Disabled: !c.Enabled()}
	v.ClientSecret = ""
	return v
}

// MarshalJSON puts both parts into one object.
func (c Client) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(c.Metadata)
	if err != nil {
		return nil, fmt.Errorf("write client: %w", err)
	}
	own, err := json.Marshal(struct {
		Declared bool `json:"declared"`
		Disabled bool `json:"disabled"`
	}{c.Declared, c.Disabled})
	if err != nil {
		return nil, fmt.Errorf("write client: %w", err)
	}
	return append(append(raw[:len(raw)-1:len(raw)-1], ','), own[1:]...), nil
}

// Clients pages through clients by id: those that are declared in the configuration come with the first part, before the stored ones.
func (s *Service) Clients(ctx context.Context, a Actor, q Ask) (Page[Client], error) {
	p := Page[Client]{Items: []Client{}}
	ctx, err := s.may(ctx, a, "Clients")
	if err != nil {
		return p, err
	}
	if q.After == "" {
		for _, c := range s.o.Clients.Declared() {
			p.Items = append(p.Items, clientOf(c))
		}
	}
	rows, err := s.o.Stores.Records.Clients(ctx, q.After, q.limit()+1)
	if err != nil {
		return p, fmt.Errorf("list clients: %w", err)
	}
	for i, row := range rows {
		if i == q.limit() {
			p.Next = rows[i-1].ID
			break
		}
		if slices.ContainsFunc(s.o.Clients.Declared(), func(c *clients.Client) bool { return c.ClientID == row.ID }) {
			continue
		}
		c, err := s.o.Clients.FromRow(row)
		if err != nil {
			return p, err
		}
		p.Items = append(p.Items, clientOf(c))
	}
	return p, nil
}

// Client shows one.
func (s *Service) Client(ctx context.Context, a Actor, id string) (Client, error) {
	ctx, err := s.may(ctx, a, "Client")
	if err != nil {
		return Client{}, err
	}
	c, err := s.o.Clients.Client(ctx, id)
	if err != nil {
		return Client{}, translate(err)
	}
	return clientOf(c), nil
}

// CreateClient registers an app. The answer has its secret, this once.
func (s *Service) CreateClient(ctx context.Context, a Actor, m clients.Metadata) (made Client, err error) {
	m.ClientSecret = ""
	err = s.act(ctx, a, "CreateClient", func(ctx context.Context) error {
		if err := overClient(a, m); err != nil {
			return err
		}
		if err := mapsClaims(a, clients.Metadata{}, m); err != nil {
			return err
		}
		if err := s.check(ctx, m); err != nil {
			return err
		}
		made, err = s.createClient(ctx, m)
		return err
	})
	return made, err
}

func (s *Service) createClient(ctx context.Context, m clients.Metadata) (made Client, err error) {
	if made.Metadata, err = s.o.Clients.Create(ctx, m); err != nil {
		return made, ofClient(err)
	}
	return made, s.o.Audit.Record(ctx, audit.Event{Name: audit.ClientCreated, ClientID: made.ClientID})
}

func (s *Service) check(ctx context.Context, m clients.Metadata) error {
	if s.o.CheckClient == nil {
		return nil
	}
	if err := s.o.CheckClient(ctx, m); err != nil {
		return fromText(err)
	}
	return nil
}

// ofClient tells what is wrong with metadata from what went wrong here.
func ofClient(err error) error {
	for _, known := range []error{clients.ErrUnknown, clients.ErrDeclared, clients.ErrTaken, clients.ErrPerson, clients.ErrChanged, ErrChanged,
		ErrRefused, ErrInvalid, storage.ErrStale, storage.ErrUnavailable, storage.ErrNotFound} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fromText(err)
}

// ChangeClient changes an app's registration. change is given what it is now, and may be called again where others write at the same
// time. An app that needs a secret after it, and had none, gets one, which is in the answer.
func (s *Service) ChangeClient(ctx context.Context, a Actor, id, match string, change func(m *clients.Metadata) error) (Client, error) {
	var after Client
	err := s.act(ctx, a, "ChangeClient", func(ctx context.Context) error {
		if err := s.byHand(ctx, a, thing.Clients, id); err != nil {
			return err
		}
		c, err := s.o.Clients.Current(ctx, id)
		if err != nil {
			return err
		}
		after = clientOf(c)
		var changes []Change
		made, err := s.o.Clients.Change(ctx, id, func(m *clients.Metadata) error {
			before := *m
			if err := fits(match, Client{Metadata: before, Disabled: after.Disabled}); err != nil {
				return err
			}
			if err := overClient(a, before); err != nil {
				return err
			}
			if err := change(m); err != nil {
				return err
			}
			if err := overClient(a, *m); err != nil {
				return err
			}
			if err := mapsClaims(a, before, *m); err != nil {
				return err
			}
			changes = changesOf(before, *m)
			return s.check(ctx, *m)
		})
		if err != nil {
			return ofClient(err)
		}
		after.Metadata = made
		if len(changes) == 0 {
			return nil
		}
		return s.o.Audit.Record(ctx, audit.Event{Name: audit.ClientChanged, ClientID: id, Detail: map[string]any{"changes": changes}})
	})
	return after, err
}

// longestChange is how much of a value an event keeps, in bytes of JSON.
const longestChange = 500

// changesOf are the fields in which two registrations differ, but a secret.
func changesOf(before, after any) (changes []Change) {
	fields := func(m any) map[string]any {
		all := map[string]any{}
		raw, err := json.Marshal(m)
		if err == nil {
			err = json.Unmarshal(raw, &all)
		}
		if err != nil {
			panic(fmt.Sprintf("admin: a registration is not JSON: %v", err)) // it was read from JSON
		}
		delete(all, "client_secret")
		return all
	}
	short := func(value any) any {
		if raw, err := json.Marshal(value); err != nil || len(raw) > longestChange {
			return "(long)"
		}
		return value
	}
	old, now := fields(before), fields(after)
	names := maps.Clone(old)
	maps.Copy(names, now)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !reflect.DeepEqual(old[name], now[name]) {
			changes = append(changes, Change{name, short(old[name]), short(now[name])})
		}
	}
	return changes
}

// onClient runs an act on a client that may get no more than the actor holds.
func (s *Service) onClient(ctx context.Context, a Actor, act, id string, name audit.Name, do func(ctx context.Context) error) error {
	return s.act(ctx, a, act, func(ctx context.Context) error {
		c, err := s.o.Clients.Current(ctx, id)
		if err != nil {
			return err
		}
		if err := overClient(a, c.Metadata); err != nil {
			return err
		}
		if err := do(ctx); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, audit.Event{Name: name, ClientID: id})
	})
}

// SetClientDisabled refuses an app's requests, or takes them again.
func (s *Service) SetClientDisabled(ctx context.Context, a Actor, id string, disabled bool) error {
	name := audit.ClientEnabled
	if disabled {
		name = audit.ClientDisabled
	}
	return s.onClient(ctx, a, "SetClientDisabled", id, name, func(ctx context.Context) error {
		if err := s.byHand(ctx, a, thing.Clients, id); err != nil && !disabled { // in an emergency it is, whoever keeps it
			return err
		}
		return s.o.Clients.SetDisabled(ctx, id, disabled)
	})
}

// AllowTools lets an app use the tools for administrators' MCP clients, for people who may do what they do, or lets it no longer. One that
// nobody registered stays allowed as long as it is what it is now. match is the Tag of what the administrator looked at: an app that can
// change itself may have become another one meanwhile.
func (s *Service) AllowTools(ctx context.Context, a Actor, id, match string, allowed bool) error {
	name := audit.ClientToolsRemoved
	if allowed {
		name = audit.ClientToolsAllowed
	}
	return s.act(ctx, a, "AllowTools", func(ctx context.Context) error {
		c, err := s.o.Clients.Current(ctx, id)
		if err != nil {
			return err
		}
		if c.AdminTools == allowed && !c.Declared {
			return nil
		}
		after := c.Metadata
		after.AdminTools = true // also to take it away one has to hold what it reaches, as for every change of the client
		if err := overClient(a, after); err != nil {
			return err
		}
		_, err = s.o.Clients.ChangeAlso(ctx, id, func(m *clients.Metadata) error {
			if err := fits(match, Client{Metadata: *m, Disabled: !c.Enabled()}); err != nil && allowed {
				return err
			}
			m.AdminTools = allowed
			return nil
		}, func(ctx context.Context, id string) error {
			return s.o.Audit.Record(ctx, audit.Event{Name: name, ClientID: id})
		})
		return ofClient(err)
	})
}

// DeleteClient removes an app with its secrets and consents, and revokes its grants.
func (s *Service) DeleteClient(ctx context.Context, a Actor, id, match string) error {
	return s.act(ctx, a, "DeleteClient", func(ctx context.Context) error {
		if err := s.byHand(ctx, a, thing.Clients, id); err != nil {
			return err
		}
		err := s.o.Clients.DeleteIf(ctx, id, func(now *clients.Client) error {
			if err := overClient(a, now.Metadata); err != nil {
				return err
			}
			return fits(match, clientOf(now))
		})
		if err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, audit.Event{Name: audit.ClientDeleted, ClientID: id})
	})
}

// longestKeep is how long an old secret may stay valid.
const longestKeep = 90 * 24 * time.Hour

// RotateSecret gives an app a new secret; those before stay valid for keep.
func (s *Service) RotateSecret(ctx context.Context, a Actor, id string, keep time.Duration) (secret string, err error) {
	if keep < 0 || keep > longestKeep {
		return "", invalid("keep", "use 0 to 2160 hours")
	}
	err = s.onClient(ctx, a, "RotateSecret", id, audit.ClientSecretRotated, func(ctx context.Context) error {
		c, err := s.o.Clients.Current(ctx, id)
		if err != nil {
			return err
		}
		if !c.HasSecret() {
			return fmt.Errorf("%w: the app has no secret: it authenticates by %s", ErrConflict, c.TokenEndpointAuthMethod)
		}
		secret, err = s.o.Clients.RotateSecret(ctx, id, keep)
		return err
	})
	return secret, err
}

// Resources lists all APIs.
func (s *Service) Resources(ctx context.Context, a Actor) ([]clients.Resource, error) {
	ctx, err := s.may(ctx, a, "Resources")
	if err != nil {
		return nil, err
	}
	now, err := s.o.Clients.CurrentResources(ctx)
	if err != nil {
		return nil, err
	}
	return append([]clients.Resource{}, now.All()...), nil
}

// Resource shows one.
func (s *Service) Resource(ctx context.Context, a Actor, identifier string) (clients.Resource, error) {
	ctx, err := s.may(ctx, a, "Resource")
	if err != nil {
		return clients.Resource{}, err
	}
	now, err := s.o.Clients.CurrentResources(ctx)
	if err != nil {
		return clients.Resource{}, err
	}
	r, ok := now.Find(identifier)
	if !ok {
		return r, fmt.Errorf("resource: %w", ErrNotFound)
	}
	return r, nil
}

// PutResource registers an API, or replaces the one of its identifier, if that is as match says ("" and "*" fit any).
func (s *Service) PutResource(ctx context.Context, a Actor, r clients.Resource, match string) error {
	return s.act(ctx, a, "PutResource", func(ctx context.Context) error {
		now, err := s.o.Clients.CurrentResources(ctx)
		if err != nil {
			return err
		}
		if known, there := now.Find(r.Identifier); there {
			r.Identifier = known.Identifier // as it is spelled
		}
		if err := s.byHand(ctx, a, thing.Resources, r.Identifier); err != nil {
			return err
		}
		return s.putResource(ctx, r, func(now clients.Resource, there bool) error {
			if there {
				return fits(match, now)
			}
			return fits(match, nil)
		})
	})
}

// putResource replaces what there is, if that is fit.
func (s *Service) putResource(ctx context.Context, r clients.Resource, fit func(now clients.Resource, there bool) error) error {
	r.Declared = false
	var before clients.Resource
	err := s.o.Clients.ReplaceResource(ctx, r, func(now clients.Resource, there bool) error {
		before = clients.Resource{}
		if there {
			before = now
		}
		return fit(now, there)
	})
	if err != nil {
		return ofClient(err)
	}
	changes := changesOf(before, r)
	if len(changes) == 0 {
		return nil
	}
	return s.o.Audit.Record(ctx, audit.Event{Name: audit.ResourceChanged, Detail: map[string]any{
		"resource": r.Identifier, "changes": changes,
	}})
}

// DeleteResource removes one, if it is as match says ("" and "*" fit any).
func (s *Service) DeleteResource(ctx context.Context, a Actor, identifier, match string) error {
	return s.act(ctx, a, "DeleteResource", func(ctx context.Context) error {
		now, err := s.o.Clients.CurrentResources(ctx)
		if err != nil {
			return err
		}
		known, there := now.Find(identifier)
		if there {
			identifier = known.Identifier // as it is spelled
		}
		if err := s.byHand(ctx, a, thing.Resources, identifier); err != nil {
			return err
		}
		if match != "" && match != "*" {
			if !there {
				return fmt.Errorf("resource: %w", ErrNotFound)
			}
			err := s.o.Clients.ReplaceResource(ctx, known, func(now clients.Resource, _ bool) error { return fits(match, now) }) // holds it
			if err != nil {
				return ofClient(err)
			}
		}
		if err := s.o.Clients.DeleteResource(ctx, identifier); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, audit.Event{Name: audit.ResourceDeleted, Detail: map[string]any{"resource": identifier}})
	})
}
