// Package metadata owns what administrators keep about people beside their profiles: one JSON object a person, which the person does not
// change, and of which apps see what their claims map names.
//
// It owns the object's bounds, how changes are merged into it (RFC 7396), and its event. Who may change it is package admin's; what apps
// are told of it is package claimmap's. Begin reading with Service.
package metadata

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"signet/audit"
	"signet/internal/typed"
	"signet/storage"
)

// Bounds of the object.
const (
	MaxBytes   = 8 << 10
	mostValues = 200
	deepest    = 5
)

// Invalid says what is wrong with a document. Its text may be shown.
type Invalid struct{ Text string }

// Error implements error.
func (e *Invalid) Error() string { return e.Text }

func invalid(format string, args ...any) error { return &Invalid{fmt.Sprintf(format, args...)} }

// Read reads a document as claims are made of it: numbers as they are written.
func Read(raw json.RawMessage) (object map[string]any, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	return object, nil
}

// parse reads a document of somebody, of which nothing is known.
func parse(raw json.RawMessage) (map[string]any, error) {
	const notObject = "must be a JSON object"
	if len(raw) > 4*MaxBytes {
		return nil, invalid("is longer than %d bytes", MaxBytes)
	}
	if !utf8.Valid(raw) {
		return nil, invalid("is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	object, err := value(d, 1)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid(notObject)
	}
	members, ok := object.(map[string]any)
	if !ok {
		return nil, invalid(notObject)
	}
	return members, nil
}

// value reads one value. A member that is there twice would be read as one thing by us and as another by others.
func value(d *json.Decoder, depth int) (any, error) {
	if depth > deepest+1 {
		return nil, invalid("is nested more than %d levels deep", deepest)
	}
	token, err := d.Token()
	if err != nil {
		return nil, invalid("must be a JSON object")
	}
	switch token {
	case json.Delim('{'):
		object := map[string]any{}
		for d.More() {
			token, err := d.Token()
			if err != nil {
				return nil, invalid("must be a JSON object")
			}
			name, _ := token.(string)
			if !typed.Key(name) {
				return nil, invalid("%.70q: use 1 to 64 letters, digits, _ and - for a name", name)
			}
			if _, twice := object[name]; twice {
				return nil, invalid("%q is there twice", name)
			}
			if object[name], err = value(d, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return object, ended(err)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			one, err := value(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		_, err := d.Token()
		return list, ended(err)
	}
	if n, ok := token.(json.Number); ok && len(n) > 32 {
		return nil, invalid("has a number of more than 32 characters")
	}
	return token, nil
}

func ended(err error) error {
	if err != nil {
		return invalid("must be a JSON object")
	}
	return nil
}

// merged is the object after a change (RFC 7396): members replace those there are, null removes one, objects are merged.
func merged(object, patch map[string]any) map[string]any {
	out := maps.Clone(object)
	if out == nil {
		out = map[string]any{}
	}
	for name, to := range patch {
		switch to := to.(type) {
		case nil:
			delete(out, name)
		case map[string]any:
			inner, _ := out[name].(map[string]any)
			out[name] = merged(inner, to)
		default:
			out[name] = to
		}
	}
	return out
}

// count is how many values there are in one.
func count(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, one := range v {
			n += count(one)
		}
	case []any:
		for _, one := range v {
			n += count(one)
		}
	}
	return n
}

// depth is how deep it is nested: 1 = an object of plain values.
func depth(v any) int {
	most := 0
	switch v := v.(type) {
	case map[string]any:
		for _, one := range v {
			most = max(most, depth(one))
		}
		return most + 1
	case []any:
		for _, one := range v {
			most = max(most, depth(one))
		}
		return most + 1
	}
	return 0
}

// write writes it as it is kept, members by name. An empty one is none.
func write(object map[string]any) (json.RawMessage, error) {
	if len(object) == 0 {
		return nil, nil
	}
	raw, err := json.Marshal(object)
	switch {
	case err != nil:
		return nil, invalid("has a value that is not JSON")
	case len(raw) > MaxBytes:
		return nil, invalid("would be longer than %d bytes", MaxBytes)
	case count(object) > mostValues:
		return nil, invalid("would have more than %d values", mostValues)
	case depth(object) > deepest:
		return nil, invalid("would be nested more than %d levels deep", deepest)
	}
	return raw, nil
}

// Check reports what is wrong with a document of a new person. *Invalid.
func Check(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	object, err := parse(raw)
	if err != nil {
		return err
	}
	_, err = write(merged(nil, object))
	return err
}

// Store is the part of *storage.DB that keeps it.
type Store interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	UserMetadata(ctx context.Context, userID string) (json.RawMessage, error)
	SetUserMetadata(ctx context.Context, userID string, old, document json.RawMessage, now time.Time) error
}

// Service keeps people's metadata.
type Service struct {
	Store Store
	Audit *audit.Log
}

// Of is a person's; nil = there is none.
func (s Service) Of(ctx context.Context, userID string) (json.RawMessage, error) {
	raw, err := s.Store.UserMetadata(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	return raw, nil
}

// tries is how often a change is made again because somebody else wrote at the same time.
const tries = 10

// Merge changes a person's (RFC 7396: null removes a member), and writes the event. *Invalid; storage.ErrStale where others write all the
// time.
func (s Service) Merge(ctx context.Context, userID string, patch json.RawMessage) error {
	return s.again(ctx, userID, patch, merged)
}

// Fits reports what would be wrong with a person's after Merge. *Invalid.
func (s Service) Fits(ctx context.Context, userID string, patch json.RawMessage) error {
	named, err := parse(patch)
	if err != nil {
		return err
	}
	old, err := s.Of(ctx, userID)
	if err != nil {
		return err
	}
	before, err := Read(old)
	if err != nil {
		return err
	}
	_, err = write(merged(before, named))
	return err
}

// Replace is Merge into nothing: what the document does not name is there no more.
func (s Service) Replace(ctx context.Context, userID string, document json.RawMessage) error {
	return s.again(ctx, userID, document, func(_, document map[string]any) map[string]any { return merged(nil, document) })
}

func (s Service) again(ctx context.Context, userID string, raw json.RawMessage,
	to func(before, named map[string]any) map[string]any) error {
	named, err := parse(raw)
	if err != nil {
		return err
	}
	for range tries {
		err = s.Store.Tx(ctx, func(ctx context.Context) error {
			return s.change(ctx, userID, func(before map[string]any) map[string]any { return to(before, named) })
		})
		if !errors.Is(err, storage.ErrStale) {
			return err
		}
	}
	return err
}

func (s Service) change(ctx context.Context, userID string, to func(before map[string]any) map[string]any) error {
	old, err := s.Of(ctx, userID)
	if err != nil {
		return err
	}
	before, err := Read(old)
	if err != nil {
		return err
	}
	after := to(before)
	now, err := write(after)
	if err != nil || bytes.Equal(now, old) {
		return err
	}
	if err := s.Store.SetUserMetadata(ctx, userID, old, now, time.Now()); err != nil {
		return fmt.Errorf("write metadata: %w", err)
	}
	return s.Audit.Record(ctx, audit.Event{Name: audit.UserChanged, UserID: userID,
		Detail: map[string]any{"metadata": changed(before, after)}})
}

// changed names the members that differ, and how; not their values, which are the person's: events outlive them.
func changed(before, after map[string]any) map[string]string {
	all := maps.Clone(after)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, before)
	how := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		_, was := before[name]
		_, is := after[name]
		switch {
		case !was:
			how[name] = "added"
		case !is:
			how[name] = "removed"
		case !reflect.DeepEqual(before[name], after[name]):
			how[name] = "changed"
		}
	}
	return how
}
