package storage_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"signet/storage"
	"signet/storage/storagetest"
)

// blindUpdates are the statements that write a column without naming what was read, each with why nothing is lost by it. Whatever is not
// here names in its condition what it was made from, or computes the new value of the one it finds. A new one belongs here only if what
// it writes was not made from what was read.
var blindUpdates = map[string]string{
	"clients disabled_at, updated_at":                             "an order: disable or enable, whatever it was",
	"client_secrets last_used_at":                                 "the time of a use",
	"client_secrets last_used_at, mac, master_key":                "as above; the MAC is made anew only where it is the one that was read",
	"credentials name":                                            "a name is typed, not made from the old one",
	"locks holder, until":                                         "by the replica whose row it is",
	"groups description":                                          "as above",
	"identities label, last_used_at":                              "what the upstream said last",
	"identities label, last_used_at, tokens":                      "as above",
	"registrations expires_at":                                    "cleared, or set again, in one statement with what it depends on",
	"deliveries due_at, last_error":                               "by whoever leased it",
	"deliveries failed_at, last_error":                            "by whoever leased it",
	"deliveries due_at, created_at, expires_at, failed_at, tries": "an order to send again: one that is being sent meanwhile comes twice",
	"messages due_at, last_error":                                 "by whoever leased it",
	"messages failed_at, last_error":                              "by whoever leased it",
	"retention events_before":                                     "the window of the retention job, inside its transaction",
	"roles description": "a text is typed, not made from the old one; LastHolder writes the one " +
		"it finds",
	"tickets purpose, expires_at":                                "an order: a sign-in was begun; the end it finds is only ever moved back",
	"users disabled_at, updated_at":                              "an order: disable or enable, whatever it was",
	"users erase_at, updated_at":                                 "an order",
	"users frozen_at, updated_at":                                "an order",
	"users terms, terms_at":                                      "the version that was accepted last",
	"consents client_hash":                                       "the client changed, whatever was agreed to",
	"logos uri, hash, due_at, picture":                           "fetched by the one replica that holds the job's lock",
	"upstream_sessions upstream, issuer, subject, sid, id_token": "a session begins at one upstream at a time",
}

var (
	updateOf = regexp.MustCompile(`(?s)^UPDATE (\w+) SET (.*?) WHERE (.*)$`)
	upsertOf = regexp.MustCompile(`(?s)^INSERT INTO (\w+) .*DO UPDATE\s+SET (.*?)(?: WHERE (.*?))?(?: RETURNING .*)?$`)
	assigned = regexp.MustCompile(`(?:^|, |,\s+)(\w+) = ((?:\([^)]*\)|CASE .*? END|[^,(])*)`)
	compared = regexp.MustCompile(`(\w+)(?: =| <|<=| <=| IS| >)`)
)

// keys are the columns that say which row is meant.
var rowKeys = []string{"id", "name", "kid", "identifier", "key", "client_id", "user_id", "session_id", "code_hash", "jti", "secret_hash"}

// TestA19_NoUpdateIsBlind looks at every statement of the contract that writes into a row.
func TestA19_NoUpdateIsBlind(t *testing.T) {
	used := map[string]bool{}
	for query := range contractStatements(t, storage.SQLite, storagetest.SQLite) {
		query = strings.Join(strings.Fields(query), " ")
		m := updateOf.FindStringSubmatch(query)
		if m == nil {
			m = upsertOf.FindStringSubmatch(query)
		}
		if m == nil {
			if strings.HasPrefix(query, "UPDATE") || strings.Contains(query, "DO UPDATE") {
				t.Errorf("not understood, fix this test: %s", query)
			}
			continue
		}
		columns, computed := written(m[2])
		if computed || conditional(m[3]) {
			continue
		}
		statement := m[1] + " " + strings.Join(columns, ", ")
		used[statement] = true
		if blindUpdates[statement] == "" {
			t.Errorf("%s: writes whatever is there by now; name what was read in its WHERE, or say in blindUpdates why nothing is lost\n  %s",
				statement, query)
		}
	}
	for statement := range blindUpdates {
		if !used[statement] {
			t.Errorf("%s is in blindUpdates, and nobody writes it so", statement)
		}
	}
}

// written lists the columns of a SET clause, and reports whether all are computed from what the row has.
func written(set string) (columns []string, computed bool) {
	set = strings.ReplaceAll(set, "excluded.", "new_")
	computed = true
	for _, m := range assigned.FindAllStringSubmatch(set, -1) {
		columns = append(columns, m[1])
		if !regexp.MustCompile(`\b`+m[1]+`\b`).MatchString(m[2]) && m[1] != "updated_at" {
			computed = false
		}
	}
	return columns, computed
}

// conditional reports whether a WHERE clause asks for more than which row is meant.
func conditional(where string) bool {
	for _, m := range compared.FindAllStringSubmatch(where, -1) {
		if !slices.Contains(rowKeys, m[1]) {
			return true
		}
	}
	return false
}

// TestA19_BlindUpdatesAreFound shows that the test above can fail.
func TestA19_BlindUpdatesAreFound(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"UPDATE clients SET metadata = $2, disabled_at = $3 WHERE id = $1":                                           "metadata, disabled_at",
		"UPDATE clients SET metadata = $2 WHERE id = $1 AND metadata = $3":                                           "",
		"UPDATE users SET epoch = epoch + 1, updated_at = $2 WHERE id = $1":                                          "",
		"UPDATE grants SET generation = $2 + 1 WHERE id = $1 AND generation <= $2":                                   "",
		"INSERT INTO resources (identifier) VALUES ($1) ON CONFLICT (identifier) DO UPDATE SET name = excluded.name": "name",
	} {
		m := updateOf.FindStringSubmatch(query)
		if m == nil {
			m = upsertOf.FindStringSubmatch(query)
		}
		got := ""
		if columns, computed := written(m[2]); !computed && !conditional(m[3]) {
			got = strings.Join(columns, ", ")
		}
		if got != want {
			t.Errorf("%s\n  blind: got %q, want %q", query, got, want)
		}
	}
}
