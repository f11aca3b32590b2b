package storage

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Consent is what a person was offered by, and granted to, a client.
type Consent struct {
	UserID    string
	ClientID  string
	Offered   []string `gorm:"serializer:words"` // scopes shown so far
	Granted   []string `gorm:"serializer:words"` // scopes granted
	Resources []string `gorm:"serializer:words"` // identifiers shown so far
	// ClientHash is of what a metadata document said when this was agreed to, "" = the client has none. See AskConsentAnew.
	ClientHash string
	// What was agreed with an agent: until when (zero = it is none), how many calls a day (0 = any number); zero PausedAt = it is not paused.
	AgentUntil time.Time `gorm:"serializer:micros"`
	AgentCalls int64
	PausedAt   time.Time `gorm:"serializer:micros"`
	Epoch      int64     // raised by withdrawal; grants made before die with it
	Withdrawn  time.Time `gorm:"serializer:micros"`
	CreatedAt  time.Time `gorm:"serializer:micros;autoCreateTime:false"`
	UpdatedAt  time.Time `gorm:"serializer:micros;autoUpdateTime:false"` // agreed to, or withdrawn, last
}

const consentColumns = `offered, granted, resources, client_hash, epoch, withdrawn, created_at, updated_at,
	agent_until, agent_calls, paused_at`

const consentOf = `SELECT ` + consentColumns + ` FROM consents WHERE user_id = $1 AND client_id = $2`

const putConsent = `INSERT INTO consents (user_id, client_id, offered, granted, resources, epoch, created_at, updated_at, client_hash,
	agent_until, agent_calls)
	VALUES ($1, $2, $3, $4, $5, 1, $7, $8, $9, $10, $11)
	ON CONFLICT (user_id, client_id) DO UPDATE SET offered = excluded.offered, granted = excluded.granted,
	resources = excluded.resources, withdrawn = NULL, updated_at = excluded.updated_at,
	client_hash = excluded.client_hash, agent_until = excluded.agent_until, agent_calls = excluded.agent_calls, paused_at = NULL
	WHERE consents.epoch = $6 RETURNING epoch`

// ConsentOf reads one; ErrNotFound. A withdrawn one is returned with empty lists (its epoch still counts).
func (db *DB) ConsentOf(ctx context.Context, userID, clientID string) (Consent, error) {
	c := Consent{UserID: userID, ClientID: clientID}
	err := db.byKey(ctx, consentOf, []any{userID, clientID}, c.dest()...)
	return c, err
}

// dest are the places consentColumns go to.
func (c *Consent) dest() []any {
	return []any{
		(*words)(&c.Offered), (*words)(&c.Granted), (*words)(&c.Resources), &c.ClientHash, &c.Epoch, (*stamp)(&c.Withdrawn),
		(*stamp)(&c.CreatedAt), (*stamp)(&c.UpdatedAt), (*stamp)(&c.AgentUntil), &c.AgentCalls, (*stamp)(&c.PausedAt),
	}
}

// PutConsent inserts or updates offered, granted and resources (epoch is kept; a new row starts at 1) and returns the
// row's epoch. A caller that found no row passes epoch 0. Compare-and-swap on c.Epoch when the row exists: ErrStale if it was withdrawn
// meanwhile.
func (db *DB) PutConsent(ctx context.Context, c Consent) (epoch int64, err error) {
	err = db.returning(ctx, putConsent, []any{
		c.UserID, c.ClientID, join(c.Offered), join(c.Granted), join(c.Resources), max(c.Epoch, 1), micros(c.CreatedAt), micros(c.UpdatedAt),
		c.ClientHash, micros(c.AgentUntil), c.AgentCalls,
	}, func(rows *sql.Rows) error { return rows.Scan(&epoch) })
	if err == nil && epoch == 0 {
		err = ErrStale
	}
	return epoch, err
}

const holdConsent = `INSERT INTO consents (user_id, client_id, offered, granted, resources, epoch, created_at, updated_at)
	VALUES ($1, $2, '', '', '', 1, $3, $3) ON CONFLICT (user_id, client_id) DO UPDATE SET updated_at = consents.updated_at
	RETURNING ` + consentColumns

// HoldConsent reads one that the caller is about to change, made empty if there is none, and keeps everybody else from
// changing it until the caller's transaction ends.
func (db *DB) HoldConsent(ctx context.Context, userID, clientID string, now time.Time) (Consent, error) {
	c := Consent{UserID: userID, ClientID: clientID}
	err := db.returning(ctx, holdConsent, []any{userID, clientID, micros(now)}, func(rows *sql.Rows) error {
		return rows.Scan(c.dest()...)
	})
	return c, err
}

// WithdrawConsent empties the row and raises its epoch; reports whether there was one. The caller revokes the grants in
// the same transaction.
func (db *DB) WithdrawConsent(ctx context.Context, userID, clientID string, now time.Time) (bool, error) {
	n, err := db.exec(ctx, `UPDATE consents SET offered = '', granted = '', resources = '', epoch = epoch + 1, withdrawn = $3,
		updated_at = $3, agent_until = NULL, agent_calls = 0, paused_at = NULL
		WHERE user_id = $1 AND client_id = $2 AND withdrawn IS NULL`, userID, clientID, micros(now))
	return n > 0, err
}

// changedClient is the hash of consents to a client that became another: no client is as they say.
const changedClient = "changed"

// AskConsentAnew has everybody asked again who agreed to a client, for it is not what they agreed to any more. Their grants stay.
func (db *DB) AskConsentAnew(ctx context.Context, clientID string) error {
	_, err := db.exec(ctx, "UPDATE consents SET client_hash = $2 WHERE client_id = $1", clientID, changedClient)
	return err
}

// PauseAgent pauses what was agreed with an agent, or lets it go on; it reports whether that changed anything. What else is agreed stays,
// since when too, as do its grants. What is agreed anew goes on.
func (db *DB) PauseAgent(ctx context.Context, userID, clientID string, paused bool, now time.Time) (bool, error) {
	query, args := `UPDATE consents SET paused_at = $3
		WHERE user_id = $1 AND client_id = $2 AND withdrawn IS NULL AND agent_until IS NOT NULL AND paused_at IS NULL`,
		[]any{userID, clientID, micros(now)}
	if !paused {
		query, args = `UPDATE consents SET paused_at = NULL
			WHERE user_id = $1 AND client_id = $2 AND withdrawn IS NULL AND paused_at IS NOT NULL`, args[:2]
	}
	n, err := db.exec(ctx, query, args...)
	return n > 0, err
}

// NarrowAgent leaves an agent no more than until when, and how many calls a day (0 = any number); it reports whether it had more. Nothing
// that was agreed becomes more by it, and what was not agreed is not agreed by it.
func (db *DB) NarrowAgent(ctx context.Context, userID, clientID string, until time.Time, calls int64) (bool, error) {
	const fewer = `CAST($4 AS BIGINT) > 0 AND (agent_calls = 0 OR agent_calls > CAST($4 AS BIGINT))`
	n, err := db.exec(ctx, `UPDATE consents SET
		agent_until = CASE WHEN agent_until > CAST($3 AS BIGINT) THEN CAST($3 AS BIGINT) ELSE agent_until END,
		agent_calls = CASE WHEN `+fewer+` THEN CAST($4 AS BIGINT) ELSE agent_calls END
		WHERE user_id = $1 AND client_id = $2 AND withdrawn IS NULL AND agent_until IS NOT NULL
		AND (agent_until > CAST($3 AS BIGINT) OR `+fewer+`)`, userID, clientID, micros(until), calls)
	return n > 0, err
}

// NarrowConsent takes scopes away from what a person granted a client; it reports whether any was there. What was offered stays, so that
// they count as left out. ErrStale where it was changed meanwhile, ErrNotFound where there is none.
func (db *DB) NarrowConsent(ctx context.Context, userID, clientID string, scopes []string) (bool, error) {
	c, err := db.ConsentOf(ctx, userID, clientID)
	if err != nil {
		return false, err
	}
	left := slices.DeleteFunc(slices.Clone(c.Granted), func(s string) bool { return slices.Contains(scopes, s) })
	if len(left) == len(c.Granted) {
		return false, nil
	}
	n, err := db.exec(ctx, "UPDATE consents SET granted = $3 WHERE user_id = $1 AND client_id = $2 AND granted = $4 AND epoch = $5",
		userID, clientID, join(left), join(c.Granted), c.Epoch)
	if err == nil && n == 0 {
		err = ErrStale
	}
	return n > 0, err
}

// ConsentsOfUser lists a person's consents that are not withdrawn, at most limit, by client id after the given one.
func (db *DB) ConsentsOfUser(ctx context.Context, userID, after string, limit int) ([]Consent, error) {
	var list []Consent
	err := db.ask(ctx, func(q *gorm.DB) error {
		return q.Where("user_id = ? AND client_id > ? AND withdrawn IS NULL", userID, after).
			Order("client_id").Limit(limit).Find(&list).Error
	})
	return list, err
}
