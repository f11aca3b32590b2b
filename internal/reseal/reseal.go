package reseal

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"signet/internal/seal"
	"signet/storage"
	"signet/storage/sealed"
)

// Store is the part of *storage.DB that this package uses.
type Store interface {
	SealedMarks(ctx context.Context, column sealed.Column) ([]sealed.Mark, error)
	CountSealed(ctx context.Context, m sealed.Mark) (int64, error)
	SealedValues(ctx context.Context, m sealed.Mark, after string, limit int) ([]sealed.Value, error)
	ReplaceSealed(ctx context.Context, v sealed.Value, anew []byte) error
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// Master is the list of master keys; *seal.Master.
type Master interface {
	IDs() []string
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Service counts and moves.
type Service struct {
	Store  Store
	Master Master
	// Peppers are the ids that peppered passwords carry, in the order of the master keys.
	Peppers []string
}

// sealedColumns are those whose values can be sealed anew.
var sealedColumns = []sealed.Column{
	sealed.Keys, sealed.FurtherKeys, sealed.Secrets, sealed.Messages, sealed.Deliveries,
	sealed.Salts, sealed.Webhooks, sealed.Settings, sealed.Authenticator, sealed.Tokens,
	sealed.IDTokens,
}

// Unknown is the id where it cannot be told: the value is damaged, or was made before its key was noted.
const Unknown = "unknown"

// Leftover is how many values of a column a master key other than the first has sealed, or is needed for.
type Leftover struct {
	Key    string        `json:"key"` // id of the master key, or Unknown
	Listed bool          `json:"listed"`
	Column sealed.Column `json:"column"`
	Rows   int64         `json:"rows"`
	// Derived: the values were made with a key derived from the master key. Nobody can move them.
	Derived bool `json:"derived"`
	mark    sealed.Mark
}

// Count lists what is not under the first master key. It costs an index lookup for each key and column, and a count where
// something is left.
func (s *Service) Count(ctx context.Context) ([]Leftover, error) {
	var all []Leftover
	for _, column := range append(slices.Clone(sealedColumns), sealed.DerivedPasswords, sealed.DerivedSecrets) {
		marks, err := s.Store.SealedMarks(ctx, column)
		if err != nil {
			return nil, fmt.Errorf("look for master keys in %s: %w", column, err)
		}
		for _, m := range marks {
			l := s.describe(m)
			if l.Key == s.Master.IDs()[0] {
				continue
			}
			if l.Rows, err = s.Store.CountSealed(ctx, m); err != nil {
				return nil, fmt.Errorf("count %s: %w", column, err)
			}
			all = append(all, l)
		}
	}
	return all, nil
}

func (s *Service) describe(m sealed.Mark) Leftover {
	l := Leftover{Key: seal.KeyID(m.Head), Column: m.Column, mark: m}
	ids := s.Master.IDs()
	switch m.Column {
	case sealed.DerivedSecrets:
		l.Key, l.Derived = m.Text, true
	case sealed.DerivedPasswords:
		l.Derived = true
		pepper := strings.TrimPrefix(m.Text, "v2$")
		if i := slices.Index(s.Peppers, pepper); i >= 0 && i < len(ids) {
			l.Key = ids[i]
		} else {
			l.Key = "pepper " + pepper
		}
	}
	if l.Key == "" {
		l.Key = Unknown
	}
	l.Listed = slices.Contains(ids, l.Key)
	return l
}

// ErrUnlisted: values were sealed with a master key that is not listed.
var ErrUnlisted = errors.New("the database holds values sealed with a master key that is not listed")

// Check is ErrUnlisted where sealed values name a key that is not listed; its message has ids and counts. What is derived
// refuses nothing: somebody who never comes back would keep an old key for good.
func (s *Service) Check(ctx context.Context) error {
	left, err := s.Count(ctx)
	if err != nil {
		return err
	}
	var missing []string
	for _, l := range left {
		if !l.Derived && !l.Listed && l.Key != Unknown {
			missing = append(missing, fmt.Sprintf("%s (%d in %s)", l.Key, l.Rows, l.Column))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s; listed are %s. Put the missing key last on the list (SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE), run "+
		"`signet key reseal`, then take it off. If it is lost: `signet key reseal --drop ID --yes` gives up what it sealed",
		ErrUnlisted, strings.Join(missing, ", "), strings.Join(s.Master.IDs(), ", "))
}

// Damaged is a value that no master key opens.
type Damaged struct {
	Column sealed.Column `json:"column"`
	Row    string        `json:"row"`
}

// Moved is what Move did.
type Moved struct {
	Rows    int64      `json:"moved"`
	Damaged []Damaged  `json:"damaged"`
	Left    []Leftover `json:"left"`
}

// batch is how many values are moved in one transaction: few, so that a running server waits for none of them.
const batch = 100

// Move seals with the first master key what the other listed ones sealed. It may run beside servers and again after it was
// interrupted: each value is replaced only where it is still the one that was read. A value that does not open is reported and
// left as it is.
func (s *Service) Move(ctx context.Context) (Moved, error) {
	out := Moved{Damaged: []Damaged{}}
	for _, column := range sealedColumns {
		marks, err := s.Store.SealedMarks(ctx, column)
		if err != nil {
			return out, fmt.Errorf("look for master keys in %s: %w", column, err)
		}
		for _, m := range marks {
			l := s.describe(m)
			if !l.Listed && l.Key != Unknown || l.Key == s.Master.IDs()[0] {
				continue
			}
			err := s.each(ctx, m, func(values []sealed.Value) error { return s.move(ctx, values, &out) })
			if err != nil {
				return out, err
			}
		}
	}
	var err error
	out.Left, err = s.Count(ctx)
	return out, err
}

// move seals a batch anew and writes it in one transaction.
func (s *Service) move(ctx context.Context, values []sealed.Value, out *Moved) error {
	fresh := make([][]byte, len(values))
	for i, v := range values {
		plain, err := s.Master.Open(v.Value, placeOf(v))
		if err != nil {
			out.Damaged = append(out.Damaged, Damaged{v.Column, v.ID})
			continue
		}
		if fresh[i], err = s.Master.Seal(plain, placeOf(v)); err != nil {
			return fmt.Errorf("seal %s of %q: %w", v.Column, v.ID, err)
		}
	}
	var moved int64
	err := s.Store.Tx(ctx, func(ctx context.Context) error {
		moved = 0
		for i, v := range values {
			if fresh[i] == nil {
				continue
			}
			switch err := s.Store.ReplaceSealed(ctx, v, fresh[i]); {
			case errors.Is(err, storage.ErrStale): // a server has replaced or deleted it meanwhile
			case err != nil:
				return fmt.Errorf("replace %s of %q: %w", v.Column, v.ID, err)
			default:
				moved++
			}
		}
		return nil
	})
	out.Rows += moved
	return err
}

// each walks the values of a mark, batch after batch.
func (s *Service) each(ctx context.Context, m sealed.Mark, do func(values []sealed.Value) error) error {
	for after := ""; ; {
		values, err := s.Store.SealedValues(ctx, m, after, batch)
		if err != nil {
			return fmt.Errorf("read %s: %w", m.Column, err)
		}
		if len(values) == 0 {
			return nil
		}
		if err := do(values); err != nil {
			return err
		}
		after = values[len(values)-1].ID
	}
}

// Drop gives up what a lost master key sealed: emails in the outbox are deleted, tokens of upstreams forgotten, authenticator
// apps fit no code any more, and apps with pairwise subjects know nobody again: a new salt is made. Signing keys are not dropped. It
// returns how many values went.
func (s *Service) Drop(ctx context.Context, key string) (rows int64, err error) {
	if slices.Contains(s.Master.IDs(), key) {
		return 0, fmt.Errorf("the master key %s is listed: what it sealed opens", key)
	}
	if raw, err := hex.DecodeString(key); err != nil || len(raw)+1 != seal.HeadSize {
		return 0, fmt.Errorf("%q is not the id of a master key", key)
	}
	for _, column := range sealedColumns {
		marks, err := s.Store.SealedMarks(ctx, column)
		if err != nil {
			return rows, fmt.Errorf("look for master keys in %s: %w", column, err)
		}
		for _, m := range marks {
			if s.describe(m).Key != key || column == sealed.Keys || column == sealed.FurtherKeys {
				continue
			}
			err := s.each(ctx, m, func(values []sealed.Value) error {
				for _, v := range values {
					if err := s.Store.ReplaceSealed(ctx, v, nil); errors.Is(err, storage.ErrStale) {
						continue
					} else if err != nil {
						return err
					}
					rows++
				}
				return nil
			})
			if err != nil {
				return rows, err
			}
		}
	}
	return rows, nil
}

// Inspect opens up to limit values of each column and lists those that no listed key opens though their key is listed.
func (s *Service) Inspect(ctx context.Context, limit int) ([]Damaged, error) {
	var bad []Damaged
	for _, column := range sealedColumns {
		marks, err := s.Store.SealedMarks(ctx, column)
		if err != nil {
			return bad, err
		}
		seen := 0
		for _, m := range marks {
			if l := s.describe(m); !l.Listed && l.Key != Unknown {
				continue
			}
			err := s.each(ctx, m, func(values []sealed.Value) error {
				for _, v := range values {
					if _, err := s.Master.Open(v.Value, placeOf(v)); err != nil {
						bad = append(bad, Damaged{v.Column, v.ID})
					}
				}
				if seen += len(values); seen >= limit {
					return errEnough
				}
				return nil
			})
			if errors.Is(err, errEnough) {
				break
			}
			if err != nil {
				return bad, err
			}
		}
	}
	return bad, nil
}

var errEnough = errors.New("enough values opened")

func placeOf(v sealed.Value) []byte {
	table, column, _ := strings.Cut(string(v.Column), ".")
	return seal.Place(table, v.Place, column)
}
