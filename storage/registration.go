package storage

import (
	"context"
	"database/sql"
	"time"
)

// Registration says of a client that it registered itself (RFC 7591), and who may change it (RFC 7592).
type Registration struct {
	ClientID       string
	TokenHash      string // of the registration access token
	PreviousHash   string // of the one before, good until the new one is used; "" = none
	InitialTokenID string // by which it registered, "" = without one
	CreatedAt      time.Time
	ExpiresAt      time.Time // the client is deleted then if nobody used it; zero = it was used
	Holder         string    // whose it is for the bound of those that nobody used: a network, or a domain
	// Of a client whose id is the address of its metadata: the domain of the address, when it was read, and how long that is good.
	Domain               string
	FetchedAt, GoodUntil time.Time
}

// InitialToken lets clients register (RFC 7591 section 3).
type InitialToken struct {
	ID        string
	TokenHash string
	Note      string // the operator's
	UsesLeft  int64
	CreatedAt time.Time
	ExpiresAt time.Time
}

// InsertRegistration beside the client that is inserted in the same transaction.
func (db *DB) InsertRegistration(ctx context.Context, r Registration) error {
	_, err := db.exec(ctx, `INSERT INTO registrations (client_id, token_hash, previous_hash, initial_token_id, created_at, expires_at,
		domain, fetched_at, good_until, holder) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, r.ClientID, r.TokenHash, r.PreviousHash,
		r.InitialTokenID, micros(r.CreatedAt), micros(r.ExpiresAt), r.Domain, micros(r.FetchedAt), micros(r.GoodUntil), r.Holder)
	return err
}

// RegistrationOf a client; ErrNotFound.
func (db *DB) RegistrationOf(ctx context.Context, clientID string) (Registration, error) {
	r := Registration{ClientID: clientID}
	err := db.one(ctx, `SELECT token_hash, previous_hash, initial_token_id, created_at, expires_at, domain, fetched_at, good_until
		FROM registrations WHERE client_id = $1`, []any{clientID}, &r.TokenHash, &r.PreviousHash, &r.InitialTokenID, (*stamp)(&r.CreatedAt),
		(*stamp)(&r.ExpiresAt), &r.Domain, (*stamp)(&r.FetchedAt), (*stamp)(&r.GoodUntil))
	return r, err
}

// ChangeRegistrationTokens writes both hashes of a registration that is as it was read still (old); ErrStale if not.
func (db *DB) ChangeRegistrationTokens(ctx context.Context, old, r Registration) error {
	return db.must(ctx, ErrStale, `UPDATE registrations SET token_hash = $4, previous_hash = $5
		WHERE client_id = $1 AND token_hash = $2 AND previous_hash = $3`,
		old.ClientID, old.TokenHash, old.PreviousHash, r.TokenHash, r.PreviousHash)
}

// NoteDocument notes that a client's metadata document was read again, unless that was noted of a later reading.
func (db *DB) NoteDocument(ctx context.Context, clientID string, fetched, goodUntil time.Time) error {
	_, err := db.exec(ctx, "UPDATE registrations SET fetched_at = $2, good_until = $3 WHERE client_id = $1 AND fetched_at < $2",
		clientID, micros(fetched), micros(goodUntil))
	return err
}

// DocumentsOf a domain: how many clients have their metadata there, and since when the first of them.
func (db *DB) DocumentsOf(ctx context.Context, domain string) (n int64, since time.Time, err error) {
	err = db.one(ctx, "SELECT COUNT(*), MIN(created_at) FROM registrations WHERE domain = $1 AND domain <> ''", []any{domain},
		&n, (*stamp)(&since))
	return n, since, err
}

// used is of a registration that somebody used: a person agreed, or has a grant. A secret that was spent shows it only where an operator's
// token stands behind the client; else who registered it would keep it by that.
const used = `(EXISTS (SELECT 1 FROM consents WHERE client_id = registrations.client_id)
	OR EXISTS (SELECT 1 FROM grants WHERE client_id = registrations.client_id)
	OR registrations.initial_token_id <> '' AND
	EXISTS (SELECT 1 FROM client_secrets WHERE client_id = registrations.client_id AND last_used_at IS NOT NULL))`

// RegistrationShares are the clients that nobody used yet, of those who came without an initial token: how many and how many bytes, by
// holder. Its caller bounds how many there are. The holder is an expression so that SQLite finds them by the other index.
func (db *DB) RegistrationShares(ctx context.Context) (map[string][2]int64, error) {
	all := map[string][2]int64{}
	err := db.many(ctx, `SELECT registrations.holder || '', count(*), sum(length(clients.metadata)) FROM registrations
		JOIN clients ON clients.id = registrations.client_id
		WHERE registrations.expires_at > 0 AND registrations.initial_token_id = '' AND NOT `+used+" GROUP BY registrations.holder || ''", nil,
		func(rows *sql.Rows) error {
			var holder string
			var n, bytes int64
			err := rows.Scan(&holder, &n, &bytes)
			all[holder] = [2]int64{n, bytes}
			return err
		})
	return all, err
}

// UnusedOf are the oldest such clients of a holder.
func (db *DB) UnusedOf(ctx context.Context, holder string, most int) ([]string, error) {
	return db.texts(ctx, `SELECT client_id FROM registrations WHERE holder = $1 AND expires_at > 0 AND initial_token_id = ''
		AND NOT `+used+" ORDER BY expires_at LIMIT $2", holder, most)
}

// SettleRegistrations looks at the clients whose registration expires before now, at most limit: those that somebody used stay, and the
// others are to be deleted.
func (db *DB) SettleRegistrations(ctx context.Context, now time.Time, limit int) (kept, unused []string, err error) {
	due, err := db.texts(ctx, "SELECT client_id FROM registrations WHERE expires_at < $1 ORDER BY expires_at LIMIT $2", micros(now), limit)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range due {
		n, err := db.exec(ctx, `UPDATE registrations SET expires_at = NULL WHERE client_id = $1 AND expires_at IS NOT NULL AND `+used, id)
		if err != nil {
			return nil, nil, err
		}
		if n == 0 {
			unused = append(unused, id)
		} else {
			kept = append(kept, id)
		}
	}
	return kept, unused, nil
}

// ExpectUse has a client that stays for its use, and that nobody uses any more, wait for one until a time.
func (db *DB) ExpectUse(ctx context.Context, clientID string, until time.Time) error {
	_, err := db.exec(ctx, `UPDATE registrations SET expires_at = $2 WHERE client_id = $1 AND expires_at IS NULL AND initial_token_id = ''
		AND NOT `+used, clientID, micros(until))
	return err
}

// PeopleOf are people who agreed to a client, at most limit.
func (db *DB) PeopleOf(ctx context.Context, clientID string, limit int) ([]string, error) {
	return db.texts(ctx, "SELECT user_id FROM consents WHERE client_id = $1 ORDER BY user_id LIMIT $2", clientID, limit)
}

// idle is of a consent of which no grant is left, that was not agreed to or withdrawn since $3, and that says until when of no agent then.
const idle = `consents.updated_at < $3 AND (consents.agent_until IS NULL OR consents.agent_until < $3)
	AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.user_id = consents.user_id AND grants.client_id = consents.client_id)`

// ForgetConsents deletes a person's consents to clients that registered themselves, but for the most recent keep of them and all that are
// in use or were agreed to, or withdrawn, since a time. It returns which, at most limit.
func (db *DB) ForgetConsents(ctx context.Context, userID string, keep int, since time.Time, limit int) (forgotten []string, err error) {
	surplus, err := db.texts(ctx, `SELECT consents.client_id FROM consents JOIN registrations ON registrations.client_id = consents.client_id
		WHERE consents.user_id = $1 AND registrations.initial_token_id = $2 AND `+idle+`
		ORDER BY consents.updated_at DESC, consents.client_id LIMIT $4 OFFSET $5`, userID, "", micros(since), limit, keep)
	if err != nil {
		return nil, err
	}
	for _, id := range surplus {
		n, err := db.exec(ctx, "DELETE FROM consents WHERE user_id = $1 AND client_id = $2 AND "+idle, userID, id, micros(since))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			forgotten = append(forgotten, id)
		}
	}
	return forgotten, nil
}

// InsertInitialToken writes one.
func (db *DB) InsertInitialToken(ctx context.Context, t InitialToken) error {
	_, err := db.exec(ctx,
		"INSERT INTO initial_tokens (id, token_hash, note, uses_left, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
		t.ID, t.TokenHash, t.Note, t.UsesLeft, micros(t.CreatedAt), micros(t.ExpiresAt))
	return err
}

// SpendInitialToken takes one use of a live token and returns its id; ErrNotFound. Of concurrent callers as many succeed as uses are left.
func (db *DB) SpendInitialToken(ctx context.Context, hash string, now time.Time) (id string, err error) {
	err = db.returning(ctx,
		"UPDATE initial_tokens SET uses_left = uses_left - 1 WHERE token_hash = $1 AND uses_left > 0 AND expires_at > $2 RETURNING id",
		[]any{hash, micros(now)}, func(rows *sql.Rows) error { return rows.Scan(&id) })
	if err == nil && id == "" {
		err = ErrNotFound
	}
	return id, err
}

// InitialTokenLives reports with ErrNotFound that a token is unknown, used up or too old. It takes no use of it.
func (db *DB) InitialTokenLives(ctx context.Context, hash string, now time.Time) error {
	var id string
	return db.one(ctx, "SELECT id FROM initial_tokens WHERE token_hash = $1 AND uses_left > 0 AND expires_at > $2",
		[]any{hash, micros(now)}, &id)
}

// KeepRegistration says that a client is used, though no row shows it: it stays.
func (db *DB) KeepRegistration(ctx context.Context, clientID string) error {
	_, err := db.exec(ctx, "UPDATE registrations SET expires_at = NULL WHERE client_id = $1", clientID)
	return err
}

// InitialTokens that are live, oldest first.
func (db *DB) InitialTokens(ctx context.Context, now time.Time) ([]InitialToken, error) {
	var list []InitialToken
	err := db.many(ctx, `SELECT id, token_hash, note, uses_left, created_at, expires_at FROM initial_tokens
		WHERE expires_at > $1 AND uses_left > 0 ORDER BY expires_at LIMIT 1000`, []any{micros(now)}, func(rows *sql.Rows) error {
		var t InitialToken
		err := rows.Scan(&t.ID, &t.TokenHash, &t.Note, &t.UsesLeft, (*stamp)(&t.CreatedAt), (*stamp)(&t.ExpiresAt))
		list = append(list, t)
		return err
	})
	return list, err
}

// DeleteInitialToken; ErrNotFound.
func (db *DB) DeleteInitialToken(ctx context.Context, id string) error {
	return db.must(ctx, ErrNotFound, "DELETE FROM initial_tokens WHERE id = $1", id)
}
