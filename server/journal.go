package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"signet/audit"
	"signet/internal/backup"
	"signet/internal/seal"
	"signet/storage"
)

// journaled are the acts that a restore must not undo. What applies each is in server/restore_journal.go.
var journaled = []audit.Name{
	audit.UserDisabled, audit.UserEnabled, audit.UserErased, audit.UserFrozen, audit.UserUnfrozen,
	audit.PasswordChanged, audit.PasswordSet, audit.PasswordReset,
	audit.FactorRemoved, audit.PasskeyRemoved, audit.UpstreamUnlinked, audit.EmailChanged, audit.UserDeleteAsked,
	audit.GroupMemberRemoved, audit.GroupMemberAdded, audit.GroupDeleted,
	audit.RoleTaken, audit.RoleGiven, audit.RoleDeleted, audit.RoleChanged, audit.ClientChanged,
	audit.ClientDisabled, audit.ClientEnabled, audit.ClientDeleted, audit.ClientSecretRotated, audit.ClientSecretRemoved,
	audit.ClientToolsRemoved,
	audit.ConsentWithdrawn, audit.ConsentGiven, audit.AgentPaused, audit.AgentAllowed, audit.KeyRetired, audit.AdminTokenRevoked,
	audit.UpstreamDisabled, audit.UpstreamEnabled, audit.UpstreamDeleted,
	audit.SettingChanged, audit.SettingReset,
}

const (
	journalEvery = time.Second
	aliveEvery   = time.Hour
	// A transaction may take so long, and an event has the time at which it was written in it, not of the commit.
	commitLag  = 6 * time.Second
	journalPut = 500 // events in one reading
)

func journalOf(path string, m *seal.Master) backup.Journal {
	return backup.Journal{Path: path, Keys: m.DeriveAll("backup journal")}
}

// journal copies acts from the database's events to the journal.
type journal struct {
	file backup.Journal
	db   *storage.DB

	mu    sync.Mutex
	last  time.Time       // of the newest act or sign of life in the file; zero = not read yet
	read  time.Time       // up to when the events were read; zero = up to last
	noted map[string]bool // ids in the file, not older than last less commitLag
}

// newJournal is nil where none is kept.
func (h *Services) newJournal() *journal {
	path := h.Config.JournalFile()
	if path == "" {
		return nil
	}
	return &journal{file: journalOf(path, h.Master), db: h.DB}
}

// KeepJournal writes what has happened since the journal's last line. The server does it each second, a command when it is done; whoever
// was killed in between is made up for by the next.
func (h *Services) KeepJournal(ctx context.Context) error {
	if h.journal == nil {
		return nil
	}
	return h.journal.catchUp(ctx)
}

func (j *journal) catchUp(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	if j.last.IsZero() {
		if err := j.begin(now); err != nil {
			return err
		}
	}
	from := j.last
	if j.read.After(from) { // the consents of the time since then are many, and those that the file is told of few
		from = j.read
	}
	acts, err := j.since(ctx, from.Add(-commitLag))
	if err != nil {
		return err
	}
	if len(acts) == 0 && now.Sub(j.last) >= aliveEvery {
		acts = append(acts, backup.Act{At: now, Name: backup.Alive})
	}
	if len(acts) == 0 {
		j.read = now
		return nil
	}
	if err := j.file.Append(now, acts...); err != nil {
		return err
	}
	j.read = now
	for _, a := range acts {
		j.noted[a.ID] = true
		if a.At.After(j.last) {
			j.last = a.At
		}
	}
	if len(j.noted) > 10*journalPut { // begins anew with what the file says
		j.last = time.Time{}
	}
	return nil
}

// begin reads what the file has, or makes it.
func (j *journal) begin(now time.Time) error {
	j.noted = map[string]bool{}
	if err := j.file.Append(now); err != nil {
		return err
	}
	record, err := j.file.Read()
	if err != nil {
		return err
	}
	j.last = record.Last
	if j.last.IsZero() { // nothing in it verifies: it is another master key's
		j.last = now
		return j.file.Append(now, backup.Act{At: now, Name: backup.Opened})
	}
	for _, a := range record.Acts {
		if !a.At.Before(j.last.Add(-commitLag)) {
			j.noted[a.ID] = true
		}
	}
	return nil
}

// since lists the acts from a time on that are not in the file.
func (j *journal) since(ctx context.Context, from time.Time) (acts []backup.Act, err error) {
	for _, name := range journaled {
		before := ""
		for {
			events, err := j.db.EventsLike(ctx, storage.Event{Name: string(name), At: from}, before, journalPut)
			if err != nil {
				return nil, err
			}
			for _, e := range events {
				before = e.ID
				if a := actOf(e); !j.noted[e.ID] && (name != audit.ConsentGiven || len(a.Less)+len(a.Again) > 0) {
					acts = append(acts, a)
				}
			}
			if len(events) < journalPut {
				break
			}
		}
	}
	return acts, nil
}

func actOf(e storage.Event) backup.Act {
	var detail struct {
		KID     string   `json:"kid"`
		JTI     string   `json:"jti"`
		Secret  string   `json:"secret"`
		Group   string   `json:"group"`
		Role    string   `json:"role"`
		From    string   `json:"upstream"`
		Setting string   `json:"setting"`
		Until   string   `json:"until"`
		Calls   int64    `json:"calls_a_day"`
		Less    []string `json:"no_longer"`
		Again   []string `json:"again"`
		Changes []struct {
			Field string          `json:"field"`
			New   json.RawMessage `json:"new"`
		} `json:"changes"`
	}
	_ = json.Unmarshal(e.Detail, &detail) // what has none of it leaves them empty
	a := backup.Act{ID: e.ID, At: e.At, Name: e.Name, User: e.UserID, Client: e.ClientID, Key: cmp.Or(detail.KID, detail.Secret),
		Token: detail.JTI, Group: detail.Group, Role: detail.Role, Upstream: detail.From, Setting: detail.Setting,
		Calls: detail.Calls, Less: detail.Less,
		Again: detail.Again}
	if until, err := time.Parse(time.RFC3339, detail.Until); err == nil && e.Name == string(audit.AgentAllowed) {
		a.Until = until.Add(time.Second - time.Microsecond) // the event tells whole seconds
	}
	for _, change := range detail.Changes {
		permits := ""
		if e.Name == string(audit.RoleChanged) && change.Field == "permissions" && json.Unmarshal(change.New, &permits) == nil {
			a.Permits = append([]string{""}, strings.Fields(permits)...) // "" = also where none is left
		}
	}
	return a
}

// closeJournal writes what a command did; the server's job has written what it did but for the last second.
func (h *Services) closeJournal() error {
	if h.journal == nil || h.DB == nil || h.use == ForReading {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := h.journal.catchUp(ctx); err != nil {
		return errors.Join(errors.New("the act is done, but not noted in the journal (backup.journal)"), err)
	}
	return nil
}
