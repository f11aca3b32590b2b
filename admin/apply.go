package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/admin/setting"
	"signet/admin/thing"
	"signet/audit"
	"signet/audit/webhook"
	"signet/clients"
	"signet/storage"
	"signet/users/membership"
)

// managedStore is the part of *storage.DB that says what is kept by files.
type managedStore interface {
	Managed(ctx context.Context, kind, name string, limit int,
		each func(kind, name, owner string, data []byte, version int64)) (int, error)
	ManagedOf(ctx context.Context, kind, name string) (owner string, data []byte, version int64, err error)
	InsertManaged(ctx context.Context, kind, name, owner string, data []byte, version int64) error
	UpdateManaged(ctx context.Context, kind, name, owner string, data []byte, read, version int64) error
	DeleteManaged(ctx context.Context, kind, name string, read int64) error
}

// holdStore is the part of *storage.DB that keeps things as they were read.
type holdStore interface {
	HoldGroup(ctx context.Context, name, description string) error
	HoldRole(ctx context.Context, name, description, permissions string) error
}

// managedData is what a row keeps of it.
type managedData struct {
	Applied json.RawMessage `json:"applied"`
	Secret  string          `json:"secret,omitempty"` // the mark of the one that was applied last
	By      string          `json:"by"`
	At      time.Time       `json:"at"`
}

// Managed pages through what is kept by files. Groups, roles and webhooks are among it for those who may read them.
func (s *Service) Managed(ctx context.Context, a Actor, q Ask) (Page[thing.Managed], error) {
	p := Page[thing.Managed]{Items: []thing.Managed{}}
	ctx, err := s.may(ctx, a, "Managed")
	if err != nil {
		return p, err
	}
	var kind, name string
	if q.After != "" {
		var ok bool
		if kind, name, ok = cutAfter(q.After); !ok {
			return p, invalid("after", "is not next of a part before")
		}
	}
	var errs []error
	n, err := s.o.Stores.Managed.Managed(ctx, kind, name, q.limit(), func(k, key, owner string, raw []byte, version int64) {
		kind, name = k, key
		if (k == thing.Groups || k == thing.Roles) && !a.Holds[PeopleRead] || k == thing.Webhooks && !a.Holds[WebhooksWrite] ||
			k == thing.Upstreams && !a.Holds[UpstreamsRead] || k == thing.Settings && !a.Holds[SettingsRead] {
			return
		}
		var d managedData
		errs = append(errs, json.Unmarshal(raw, &d))
		p.Items = append(p.Items, thing.Managed{
			Kind: k, Key: key, Owner: owner, Applied: d.Applied, By: d.By, At: utc(d.At), Version: version,
		})
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return p, fmt.Errorf("list what is kept by files: %w", err)
	}
	if n == q.limit() {
		p.Next = kind + " " + name
	}
	return p, nil
}

func cutAfter(after string) (kind, name string, ok bool) {
	for _, kind := range thing.Kinds() {
		if len(after) > len(kind)+1 && after[:len(kind)+1] == kind+" " {
			return kind, after[len(kind)+1:], true
		}
	}
	return "", "", false
}

// prepared is a step that was read.
type prepared struct {
	thing.Step
	before, after thing.Thing // nil: none
}

// keepOldSecret is how long the secrets before one from files stay valid.
const keepOldSecret = 7 * 24 * time.Hour

// Apply carries out a step, whole or not at all. ErrChanged: something is not any more what it was planned on.
func (s *Service) Apply(ctx context.Context, a Actor, step thing.Step) error {
	if _, err := s.may(ctx, a, "Apply"); err != nil {
		return err
	}
	p, err := s.prepare(step)
	if err == nil && s.mayStep(a, p) == nil { // who may not is told below, and nothing of what there is
		err = s.fit(ctx, p)
	}
	if err != nil {
		return translate(err)
	}
	return s.act(ctx, a, "Apply", func(ctx context.Context) error {
		if err := s.mayStep(a, p); err != nil {
			return err
		}
		if err := s.keep(ctx, a, p); err != nil {
			return err
		}
		if p.before == nil && p.after == nil {
			if err := s.stays(ctx, p); err != nil {
				return err
			}
		}
		switch p.Kind {
		case thing.Clients:
			return s.applyClient(ctx, a, p)
		case thing.Resources:
			return s.applyResource(ctx, p)
		case thing.Groups:
			return s.applyGroup(ctx, a, p)
		case thing.Webhooks:
			return s.applyWebhook(ctx, p)
		case thing.Upstreams:
			return s.applyUpstream(ctx, p)
		case thing.Settings:
			return s.applySetting(ctx, p)
		}
		return s.applyRole(ctx, a, p)
	})
}

// stays is an error where files would keep no more what is there: it is deleted, or stays theirs. The other kinds' acts see it themselves.
func (s *Service) stays(ctx context.Context, p prepared) error {
	var there bool
	switch p.Kind {
	case thing.Resources:
		now, err := s.o.Clients.CurrentResources(ctx)
		if err != nil {
			return err
		}
		r, found := now.Find(p.Key)
		there = found && !r.Declared // what the configuration declares of that name is none of theirs
	case thing.Upstreams:
		u, err := s.upstream(ctx, p.Key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		there = err == nil && !u.Declared
	case thing.Settings:
		now, err := s.o.Settings.Section(ctx, p.Key)
		if err != nil {
			return upstreamError(err)
		}
		there = now.Origin == setting.OriginStored
	}
	if there {
		return ErrChanged
	}
	return nil
}

// CheckStep tells what is wrong with a step, and what its actor may not do, as far as that can be told without doing it.
func (s *Service) CheckStep(ctx context.Context, a Actor, step thing.Step) error {
	ctx, err := s.may(ctx, a, "CheckStep")
	if err != nil {
		return err
	}
	p, err := s.prepare(step)
	if err == nil {
		err = s.mayStep(a, p)
	}
	if err == nil {
		err = s.fit(ctx, p)
	}
	if err == nil && p.Kind == thing.Groups && p.after == nil && p.before != nil {
		err = s.overGroup(ctx, a, p.Key)
	}
	return translate(err)
}

// prepare reads a step. What there is, it does not look at: who sends it may not know that.
func (s *Service) prepare(step thing.Step) (p prepared, err error) {
	p.Step = step
	read := func(field string, raw json.RawMessage) thing.Thing {
		if len(raw) == 0 || string(raw) == "null" || err != nil {
			return nil
		}
		var t thing.Thing
		if t, err = thing.Read(step.Kind, raw); err != nil {
			err = fromText(err)
		} else if t.Key() != step.Key {
			err = invalid(field, "is not the thing of that key")
		}
		return t
	}
	p.before, p.after = read("before", step.Before), read("after", step.After)
	read("applied", step.Applied)
	switch {
	case err != nil:
		return p, err
	case !slices.Contains(thing.Kinds(), step.Kind):
		return p, invalid("kind", "there is no such kind")
	case membership.CheckName(step.Owner) != nil:
		return p, invalid("owner", membership.ErrName.Error())
	case step.Key == "":
		return p, invalid("key", "is missing")
	}
	if r, ok := p.after.(thing.Role); ok {
		if _, err := permissionsOf(r); err != nil {
			return p, err
		}
	}
	if c, ok := p.after.(thing.Client); step.Secret != "" && !p.keeps() {
		if !ok {
			return p, invalid("client_secret", "is of what stays")
		}
		if err := c.CheckNewSecret(step.Secret); err != nil {
			return p, fromText(err)
		}
	}
	return p, nil
}

// keeps reports whether what is to be keeps its secret as it is given.
func (p prepared) keeps() bool {
	return p.after != nil && (p.Kind == thing.Upstreams || p.Kind == thing.Webhooks || p.Kind == thing.Settings && p.Key == setting.Mail)
}

// fit looks at a step as the acts look at what is sent to them.
func (s *Service) fit(ctx context.Context, p prepared) error {
	if p.after == nil || p.before != nil && thing.Same(p.before, p.after) && !(p.keeps() && p.Secret != "") {
		return nil
	}
	return s.takes(ctx, p.after, p.Secret)
}

// takes reports what is wrong with a thing that is to be registered.
func (s *Service) takes(ctx context.Context, t thing.Thing, secret string) error {
	switch t := t.(type) {
	case thing.Client:
		if err := s.o.Clients.Check(t.Metadata); err != nil {
			return ofClient(err)
		}
		if c, err := s.o.Clients.Client(ctx, t.ClientID); err == nil && c.Declared {
			return clients.ErrDeclared
		}
		return s.check(ctx, t.Metadata)
	case thing.Resource:
		if err := s.o.Clients.CheckResource(ctx, t.Resource); err != nil {
			return ofClient(err)
		}
	case thing.Webhook:
		err := s.o.Webhooks.Check(webhook.Webhook{URL: t.URL, Description: t.Description, Events: t.Events})
		if err == nil && secret != "" {
			err = s.o.Webhooks.CheckSecret(secret)
		}
		return webhookError(err)
	case thing.Upstream:
		return upstreamError(s.o.Settings.Check(ctx, t.Upstream, secretsOf(t, secret)))
	case thing.Setting:
		return upstreamError(s.o.Settings.CheckSection(ctx, t.Section, secret))
	case thing.Group:
		return membership.CheckDescription(t.Description)
	case thing.Role:
		return errors.Join(changeable(t.ID), membership.CheckDescription(t.Description))
	}
	return nil
}

func permissionsOf(r thing.Role) (list []Permission, err error) {
	for _, text := range r.Permissions {
		if !slices.Contains(All(), Permission(text)) {
			return nil, invalid("permissions", "there is no permission of that name; see the documentation")
		}
		list = append(list, Permission(text))
	}
	return list, nil
}

// mayStep refuses what the acts refuse that do the same to one thing.
func (s *Service) mayStep(a Actor, p prepared) error {
	act := map[string]string{
		thing.Clients: "ChangeClient", thing.Resources: "PutResource", thing.Groups: "PutGroup", thing.Roles: "PutRole",
		thing.Webhooks: "ChangeWebhook", thing.Upstreams: "ChangeUpstream",
		thing.Settings: "ChangeSetting",
	}[p.Kind]
	for _, needs := range []struct {
		act string
		is  bool
	}{{"Apply", true}, {act, true}, {"RotateSecret", p.Secret != "" && p.Kind == thing.Clients}} {
		if needs.is && !a.Holds[demands[needs.act]] {
			return &Refused{Missing: []Permission{demands[needs.act]}}
		}
	}
	if after, is := p.after.(thing.Client); is {
		before, _ := p.before.(thing.Client)
		if err := mapsClaims(a, before.Metadata, after.Metadata); err != nil {
			return err
		}
	}
	for _, t := range []thing.Thing{p.before, p.after} {
		var err error
		switch t := t.(type) {
		case thing.Client:
			err = overClient(a, t.Metadata)
		case thing.Role:
			set := Set{}
			for _, text := range t.Permissions {
				set[Permission(text)] = true
			}
			err = over(a, set)
		case thing.Webhook:
			err = hears(a)
		case thing.Upstream:
			err = decidesIdentity(a)
		case thing.Setting:
			err = decides(a, t.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keep writes down whose files keep the thing from now on, and what they say.
func (s *Service) keep(ctx context.Context, a Actor, p prepared) error {
	owner, raw, version, err := s.o.Stores.Managed.ManagedOf(ctx, p.Kind, p.Key)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("read who keeps it: %w", err)
	}
	if version != p.Version {
		return ErrChanged
	}
	now := time.Now()
	var d managedData
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &d); err != nil {
			return fmt.Errorf("read what was applied: %w", err)
		}
	}
	none := len(p.Applied) == 0 || string(p.Applied) == "null"
	if p.after == nil && !none {
		return invalid("applied", "nothing keeps what is not there")
	}
	d.Applied, d.By, d.At = p.Applied, a.ID, now
	if p.Secret != "" {
		d.Secret = s.o.Clients.Mark(p.Secret)
	}
	raw, err = json.Marshal(d)
	switch {
	case err != nil:
		return fmt.Errorf("write what is applied: %w", err)
	case none && version == 0:
		return invalid("applied", "is missing: it is not kept by files")
	case none:
		err = s.o.Stores.Managed.DeleteManaged(ctx, p.Kind, p.Key, version)
	case version == 0:
		err = s.o.Stores.Managed.InsertManaged(ctx, p.Kind, p.Key, p.Owner, raw, now.UnixMicro())
	default:
		err = s.o.Stores.Managed.UpdateManaged(ctx, p.Kind, p.Key, p.Owner, raw, version, now.UnixMicro())
	}
	if errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrStale) {
		return ErrChanged
	}
	if err != nil || owner == p.Owner && !none {
		return err
	}
	detail := map[string]string{"kind": p.Kind, "key": p.Key, "old": owner, "new": p.Owner}
	if none {
		detail["new"] = ""
	}
	return s.o.Audit.Record(ctx, audit.Event{Name: audit.ManagedChanged, Detail: detail})
}

// applyResource makes, changes or deletes an API.
func (s *Service) applyResource(ctx context.Context, p prepared) error {
	fit := func(now clients.Resource, there bool) error {
		if there != (p.before != nil) || there && !thing.Same(thing.Resource{Resource: now}, p.before) {
			return ErrChanged
		}
		return nil
	}
	if after, ok := p.after.(thing.Resource); ok {
		return s.putResource(ctx, after.Resource, fit)
	}
	before, ok := p.before.(thing.Resource)
	if !ok {
		return nil
	}
	if err := s.putResource(ctx, before.Resource, fit); err != nil { // holds it
		return err
	}
	if err := s.o.Clients.DeleteResource(ctx, p.Key); err != nil {
		return err
	}
	return s.o.Audit.Record(ctx, audit.Event{Name: audit.ResourceDeleted, Detail: map[string]any{"resource": p.Key}})
}

// applyGroup makes, describes or deletes a group.
func (s *Service) applyGroup(ctx context.Context, a Actor, p prepared) error {
	before, was := p.before.(thing.Group)
	after, is := p.after.(thing.Group)
	if was {
		if err := s.o.Stores.Holds.HoldGroup(ctx, p.Key, before.Description); err != nil {
			return err
		}
	} else if there, err := s.o.Stores.People.GroupExists(ctx, p.Key); err != nil {
		return err
	} else if there {
		return ErrChanged
	}
	switch {
	case was && !is:
		return s.deleteGroup(ctx, a, p.Key)
	case is && !was:
		return s.o.Members.CreateGroup(ctx, p.Key, after.Description)
	case after.Description != before.Description:
		return s.o.Members.DescribeGroup(ctx, p.Key, after.Description)
	}
	return nil
}

// applyRole makes, changes or deletes a role.
func (s *Service) applyRole(ctx context.Context, a Actor, p prepared) error {
	before, was := p.before.(thing.Role)
	after, is := p.after.(thing.Role)
	if err := changeable(p.Key); err != nil {
		return err
	}
	stored, err := s.o.Stores.Permits.RolePermits(ctx, p.Key)
	if there := err == nil; err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("read role: %w", err)
	} else if there != was {
		return ErrChanged
	}
	if was {
		list, err := permissionsOf(before)
		if err != nil || !sameSet(SetOf(list...), ofRole(p.Key, stored)) {
			return ErrChanged
		}
		if err := s.o.Stores.Holds.HoldRole(ctx, p.Key, before.Description, stored); err != nil {
			return err
		}
	}
	switch {
	case was && !is:
		if err := s.overRole(ctx, a, p.Key); err != nil {
			return err
		}
		return s.o.Members.DeleteRole(ctx, p.Key)
	case is && !(was && thing.Same(before, after)):
		list, err := permissionsOf(after)
		if err != nil {
			return err
		}
		return s.putRole(ctx, a, p.Key, after.Description, list)
	}
	return nil
}

func sameSet(a, b Set) bool { return len(a.Missing(b)) == 0 && len(b.Missing(a)) == 0 }
