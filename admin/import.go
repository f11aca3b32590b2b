package admin

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"signet/audit"
	"signet/clients"
	"signet/storage"
	"signet/users"
	"signet/users/importer"
)

// importBatch is how many people are written in one transaction: who signs in meanwhile waits for that long.
const importBatch = 200

// importStore is where people are found and written.
type importStore interface {
	importer.Store
	importer.Finder
}

// ImportPeople makes people of another product's records, and says of each what became of it: some hundred at a time are written, or none
// of these. Columns take what the act that does the same to one person takes: a password hash people:credentials, metadata
// people:metadata, groups groups:write and what their members hold. Who lacks it has the line refused.
func (s *Service) ImportPeople(ctx context.Context, a Actor, how importer.Rules, people iter.Seq2[importer.Record, error],
	told func(importer.Outcome)) error {
	ctx, err := s.may(ctx, a, "ImportPeople")
	if err != nil {
		return err
	}
	var refusals []*Refused
	i, err := importer.New(importer.Options{
		Store: s.o.Stores.Imports, Finder: s.o.Stores.Imports, Ways: s.o.Ways, Audit: s.o.Audit, People: s.o.People,
		Groups: importGroups{s, map[string]bool{}}, Metadata: s.o.Metadata, Reserved: s.isClient,
		Rules: how,
		May: func(ctx context.Context, r importer.Record, existing *storage.User) (mistakes users.Mistakes, err error) {
			mistakes, err = s.mayImport(ctx, a, how.DryRun, r, existing)
			for _, m := range mistakes {
				if no, ok := errors.AsType[*Refused](m.Cause); ok {
					no.Act = "ImportPeople"
					refusals = append(refusals, no)
				}
			}
			return mistakes, err
		},
	})
	if err != nil {
		return invalid("on_conflict", "is none of skip, update, fail")
	}
	batch := make([]importer.Record, 0, importBatch)
	flush := func() error {
		outcomes, err := i.Batch(ctx, batch)
		batch = batch[:0]
		for _, no := range refusals { // outside the transaction
			if failed := s.refuse(ctx, no); failed != error(no) {
				err = errors.Join(err, failed)
			}
		}
		refusals = refusals[:0]
		if err != nil {
			return translate(err)
		}
		for _, o := range outcomes {
			told(o)
		}
		return nil
	}
	for person, err := range people {
		if err != nil {
			told(importer.Outcome{Line: person.Line, Result: importer.Refused, Err: err})
		} else if batch = append(batch, person); len(batch) == importBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// mayImport finds what of a record its actor may not write.
func (s *Service) mayImport(ctx context.Context, a Actor, dry bool, r importer.Record, existing *storage.User) (users.Mistakes, error) {
	var mistakes users.Mistakes
	var failed error
	refuse := func(field users.Field, err error) {
		if errors.Is(err, ErrRefused) {
			mistakes = append(mistakes, users.Mistake{Field: field, Cause: err})
		} else {
			failed = errors.Join(failed, err)
		}
	}
	demand := func(is bool, field users.Field, needs Permission) {
		if is && !a.Holds[needs] {
			refuse(field, &Refused{Missing: []Permission{needs}})
		}
	}
	demand(r.Hash != "" && existing == nil, importer.FieldPasswordHash, PeopleCredentials)
	demand(len(r.Metadata) > 0, importer.FieldMetadata, PeopleMetadata)
	demand(len(r.Groups) > 0, importer.FieldGroups, GroupsWrite)
	if a.Holds[GroupsWrite] {
		for _, group := range r.Groups {
			refuse(importer.FieldGroups, s.overGroup(ctx, a, group))
		}
	}
	switch {
	case existing == nil && r.Sub != "":
		refuse(importer.FieldSub, s.mayReassign(ctx, a, r.Sub))
	case existing == nil:
	case dry:
		held, err := s.Held(ctx, existing.ID)
		refuse(importer.FieldSub, errors.Join(err, on(over(a, held), existing.ID, "")))
	default:
		refuse(importer.FieldSub, s.overPerson(ctx, a, existing.ID))
	}
	return mistakes, failed
}

// mayReassign refuses the id of somebody who was erased to who may not do everything: apps know the new person as the old one (OpenID
// Connect Core section 2: never reassigned), so to choose it is to choose who signs in there.
func (s *Service) mayReassign(ctx context.Context, a Actor, id string) error {
	no := decidesIdentity(a)
	if no == nil {
		return nil
	}
	erased, err := s.o.Stores.Records.EventsLike(ctx, storage.Event{Name: string(audit.UserErased), UserID: id}, "", 1)
	if err != nil {
		return fmt.Errorf("look for who was erased: %w", err)
	}
	if len(erased) > 0 {
		return no
	}
	return nil
}

// isClient reports whether an id is an app's.
func (s *Service) isClient(ctx context.Context, id string) (bool, error) {
	_, err := s.o.Clients.Client(ctx, id)
	if errors.Is(err, clients.ErrUnknown) {
		return false, nil
	}
	return err == nil, err
}

// importGroups are groups as an import uses them; whether one exists is remembered.
type importGroups struct {
	s     *Service
	known map[string]bool
}

// Exists implements importer.Groups.
func (g importGroups) Exists(ctx context.Context, group string) (bool, error) {
	if there, seen := g.known[group]; seen {
		return there, nil
	}
	there, err := g.s.o.Stores.People.GroupExists(ctx, group)
	g.known[group] = there
	if err != nil {
		err = fmt.Errorf("look for group: %w", err)
	}
	return there, err
}

// Add implements importer.Groups.
func (g importGroups) Add(ctx context.Context, group, userID string) error {
	return g.s.addMember(ctx, group, userID)
}
