package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/config"
	"signet/internal/reseal"
	"signet/internal/seal"
	"signet/storage"
	"signet/users/password"
)

// reseals is what counts and moves values by master key.
func reseals(db *storage.DB, master *seal.Master) *reseal.Service {
	s := &reseal.Service{Store: db, Master: master}
	for _, pepper := range master.DeriveAll("password pepper") {
		s.Peppers = append(s.Peppers, password.PepperID(pepper))
	}
	return s
}

// CheckMasterKeys refuses to serve where sealed values name a master key that is not listed (rule V09): reseal.ErrUnlisted, with ids
// and counts.
func (h *Services) CheckMasterKeys(ctx context.Context) error {
	return reseals(h.DB, h.Master).Check(ctx)
}

// Reseal seals with the first master key what the other listed ones sealed, and writes down what it did.
func (h *Services) Reseal(ctx context.Context) (reseal.Moved, error) {
	moved, err := reseals(h.DB, h.Master).Move(ctx)
	for _, d := range moved.Damaged {
		err = errors.Join(err, h.Audit.Record(ctx, audit.Event{Name: audit.SealedUnreadable, Detail: d}))
	}
	if moved.Rows == 0 {
		return moved, err
	}
	return moved, errors.Join(err, h.Audit.Record(ctx, audit.Event{
		Name: audit.Resealed, Detail: map[string]any{"key": h.Master.IDs()[0], "moved": moved.Rows, "damaged": len(moved.Damaged)},
	}))
}

// DropSealed gives up what a lost master key sealed; see reseal.Service.Drop.
func (h *Services) DropSealed(ctx context.Context, key string) (int64, error) {
	rows, err := reseals(h.DB, h.Master).Drop(ctx, key)
	if rows == 0 {
		return rows, err
	}
	return rows, errors.Join(err, h.Audit.Record(ctx, audit.Event{
		Name: audit.SealedDropped, Detail: map[string]any{"key": key, "rows": rows},
	}))
}

// MasterKey is a master key that is listed, or that values name.
type MasterKey struct {
	ID     string            `json:"id"`
	Listed bool              `json:"listed"`
	First  bool              `json:"first"`
	UsedAt time.Time         `json:"used_at,omitzero"` // when a server last signed with it
	EndsAt time.Time         `json:"ends_at,omitzero"` // when the last refresh token that it signed is too old
	Left   []reseal.Leftover `json:"left"`             // what needs it, if it is not the first
}

// MasterKeys tells of each master key what is still under it, the listed ones in their order first; and which sealed values do not
// open, looking at up to limit of each kind. It makes and writes nothing.
func MasterKeys(ctx context.Context, c config.Config, db *storage.DB, limit int) (list []MasterKey, damaged []reseal.Damaged, err error) {
	master, err := readMaster(c)
	if err != nil {
		return nil, nil, err
	}
	for i, id := range master.IDs() {
		list = append(list, MasterKey{ID: id, Listed: true, First: i == 0, Left: []reseal.Leftover{}})
	}
	values := reseals(db, master)
	left, err := values.Count(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range left {
		i := slices.IndexFunc(list, func(k MasterKey) bool { return k.ID == l.Key })
		if i < 0 {
			i = len(list)
			list = append(list, MasterKey{ID: l.Key, Left: []reseal.Leftover{}})
		}
		list[i].Left = append(list[i].Left, l)
	}
	used, err := db.MasterKeys(ctx)
	if err != nil {
		return nil, nil, err
	}
	idle, err := longestIdle(ctx, c, db)
	if err != nil {
		return nil, nil, err
	}
	for i, k := range list {
		if at, ok := used[k.ID]; ok {
			list[i].UsedAt, list[i].EndsAt = at, at.Add(idle)
		}
	}
	damaged, err = values.Inspect(ctx, limit)
	return list, damaged, err
}

// longestIdle is how long the refresh token that lives longest may lie unused.
func longestIdle(ctx context.Context, c config.Config, db *storage.DB) (time.Duration, error) {
	longest := c.Tokens.RefreshIdle
	declared, err := declaredClients(c)
	for _, m := range declared {
		longest = max(longest, time.Duration(m.RefreshTokenIdle))
	}
	const page = 500
	for after := ""; err == nil; {
		var rows []storage.Client
		if rows, err = db.Clients(ctx, after, page); err != nil {
			break
		}
		for _, row := range rows {
			var m struct {
				Idle clients.Duration `json:"refresh_token_idle"`
			}
			if json.Unmarshal(row.Metadata, &m) == nil { // the registry complains of the others
				longest = max(longest, time.Duration(m.Idle))
			}
			after = row.ID
		}
		if len(rows) < page {
			break
		}
	}
	return longest, err
}

// surveyMasterKeys notes that this server signs with its first master key, and counts what is left under others.
func (h *Services) surveyMasterKeys(ctx context.Context) error {
	if err := h.DB.UseMasterKey(ctx, h.Master.IDs()[0], time.Now()); err != nil {
		return fmt.Errorf("note the master key: %w", err)
	}
	left, err := reseals(h.DB, h.Master).Count(ctx)
	if err != nil {
		return err
	}
	counts := map[string]int64{}
	for _, id := range h.Master.IDs()[1:] {
		counts[id] = 0
	}
	for _, l := range left {
		counts[l.Key] += l.Rows
	}
	h.Metrics.MasterKeyValues(counts)
	return nil
}

// sealer is the master key as the services see it: a value that does not open leaves a log line and an event, and is an error for
// its own row only.
type sealer struct {
	*seal.Master
	services *Services
}

// Open is seal.Master's.
func (s sealer) Open(sealed, aad []byte) ([]byte, error) {
	plain, err := s.Master.Open(sealed, aad)
	if err != nil {
		s.services.noteUnreadable(aad, err)
	}
	return plain, err
}

// noteUnreadable writes once down, in the life of this process, that a value does not open. It is called in transactions of others,
// which may roll back: so it writes outside of them.
func (h *Services) noteUnreadable(aad []byte, cause error) {
	if seen, _ := h.unreadable.ContainsOrAdd(string(aad), struct{}{}); seen {
		return
	}
	place := bytes.SplitN(aad, []byte{0}, 3) // seal.Place
	for len(place) < 3 {
		place = append(place, nil)
	}
	detail := map[string]string{"column": string(place[0]) + "." + string(place[2]), "row": string(place[1])}
	if !slices.Contains([]string{"credentials.data", "messages.sealed", "deliveries.sealed", "identities.tokens"}, detail["column"]) {
		delete(detail, "row") // named by a browser, or by who somebody is at an upstream
	}
	h.Log.Error("sealed value unreadable", "column", detail["column"], "row", detail["row"], "error", cause)
	h.reports.Go(func() {
		ctx, cancel := context.WithTimeout(audit.WithOrigin(context.Background(), audit.Origin{Actor: "system"}), 5*time.Second)
		defer cancel()
		if err := h.Audit.Record(ctx, audit.Event{Name: audit.SealedUnreadable, Detail: detail}); err != nil {
			h.Log.Error("write event", "error", err)
		}
	})
}
