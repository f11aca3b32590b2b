package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"signet/storage"
)

// PutResource stores one, or replaces the stored one of its identifier, whatever it was. To change some of it use ChangeResource.
func (r *Registry) PutResource(ctx context.Context, res Resource) error {
	return r.writeResource(ctx, res.Identifier, func(now *Resource, _ bool) error { *now = res; return nil })
}

// ReplaceResource is PutResource on a condition: fits is told what there is at the moment of writing, and its error is the answer.
func (r *Registry) ReplaceResource(ctx context.Context, res Resource, fits func(now Resource, there bool) error) error {
	return r.writeResource(ctx, res.Identifier, func(now *Resource, there bool) error {
		if err := fits(*now, there); err != nil {
			return err
		}
		*now = res
		return nil
	})
}

// ChangeResource lets change write into a stored resource (not its identifier), as it is at the moment of writing: change may be called
// again when somebody else wrote first. ErrUnknown, ErrDeclared, ErrChanged.
func (r *Registry) ChangeResource(ctx context.Context, identifier string, change func(res *Resource) error) error {
	return r.writeResource(ctx, identifier, func(now *Resource, there bool) error {
		if !there {
			return fmt.Errorf("resource %q: %w", identifier, storage.ErrNotFound)
		}
		return change(now)
	})
}

func (r *Registry) writeResource(ctx context.Context, identifier string, change func(res *Resource, there bool) error) error {
	if r.isDeclared(identifier) {
		return fmt.Errorf("%s: %w", identifier, ErrDeclared)
	}
	if err := r.writes(); err != nil {
		return err
	}
	for range changeTries {
		err := r.changeResource(ctx, identifier, change)
		if errors.Is(err, storage.ErrStale) || errors.Is(err, storage.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		return r.wroteResource(ctx)
	}
	return fmt.Errorf("%s: %w", identifier, ErrChanged)
}

func (r *Registry) changeResource(ctx context.Context, identifier string, change func(res *Resource, there bool) error) error {
	stored, err := r.o.Store.Resources(ctx)
	if err != nil {
		return fmt.Errorf("read resources: %w", err)
	}
	at := slices.IndexFunc(stored, func(s storage.Resource) bool { return s.Identifier == identifier })
	res := Resource{Identifier: identifier}
	if at >= 0 {
		if res, err = resourceOf(stored[at]); err != nil {
			return err
		}
	}
	if err := change(&res, at >= 0); err != nil {
		return err
	}
	res.Identifier = identifier
	if err := errors.Join(res.Validate(), r.free(ctx, identifier)); err != nil {
		return err
	}
	row, err := rowOf(res)
	if err != nil {
		return err
	}
	if at < 0 {
		return r.o.APIs.InsertResource(ctx, row)
	}
	return r.o.APIs.UpdateResource(ctx, stored[at], row)
}

// free reports whether an identifier is not the issuer's, a client's, or another spelling of a resource's.
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
	if found, ok := r.Resources().Find(identifier); ok {
		identifier = found.Identifier
	}
	if err := r.writes(); err != nil {
		return err
	}
	if err := r.o.APIs.DeleteResource(ctx, identifier); err != nil {
		return err
	}
	return r.wroteResource(ctx)
}

func (r *Registry) isDeclared(identifier string) bool {
	return slices.ContainsFunc(r.o.Resources, func(d Resource) bool { return sameIdentifier(d.Identifier, identifier) })
}
