package export_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/export"
	"signet/users/factor"
	"signet/users/metadata"
	"signet/users/session"
	"signet/users/userstest"
)

// A field of the export is named for what it holds; a secret would be named for what it is.
func TestR04_ExportHasNoFieldForASecret(t *testing.T) {
	secret := regexp.MustCompile(`(?i)secret|hash|data|handle|token|key|epoch|counter|code|password|_id$|^id$`)
	allowed := map[string]bool{"client_id": true, "metadata": true} // the latter administrators keep, for apps to be told
	fields := 0
	var walk func(of reflect.Type, at string)
	walk = func(of reflect.Type, at string) {
		switch of.Kind() {
		case reflect.Slice, reflect.Pointer:
			walk(of.Elem(), at)
		case reflect.Struct:
			if of == reflect.TypeFor[time.Time]() {
				return
			}
			if strings.HasSuffix(of.PkgPath(), "/storage") {
				t.Errorf("%s is a row of the database", at)
			}
			for f := range of.Fields() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				fields++
				if name == "" || secret.MatchString(name) && !allowed[name] {
					t.Errorf("%s.%s: %q", at, f.Name, name)
				}
				walk(f.Type, at+"."+f.Name)
			}
		case reflect.Map, reflect.Interface:
			t.Errorf("%s may hold anything", at)
		}
	}
	walk(reflect.TypeFor[export.Document](), "Document")
	if fields < 40 {
		t.Errorf("looked at %d fields only", fields)
	}
}

func TestR06_ExportIsWholeAndHoldsNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		w := userstest.New(t, db, nil)
		exports, err := export.New(export.Options{Store: db, History: db, Audit: w.Audit, People: w.Service, Sessions: w.Sessions})
		if err != nil {
			t.Fatal(err)
		}
		u := w.Person(t, "ada@example.org")
		if _, err := w.SetClaims(t.Context(), factor.ForOperator(u.ID, factor.ChangeAddress),
			json.RawMessage(`{"name":"Ada","phone_number":"+43 1 5550100"}`)); err != nil {
			t.Fatal(err)
		}
		s, secret, err := w.Start(t.Context(), "ada@example.org", userstest.Password)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for _, c := range []storage.Credential{
			{ID: "c1", Kind: "totp", Data: "SEALED", Counter: 77_777},
			{ID: "c2", Kind: "passkey", Data: "PUBLIC", Handle: "HANDLE", Name: "Blue key"},
			{ID: "c3", Kind: "recovery", Data: "X", Handle: "CODEHASH"},
		} {
			c.UserID, c.CreatedAt = u.ID, now
			if err := db.InsertCredential(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		w.Grant(t, u, storage.Grant{ID: "GRANTID", ClientID: "shop", CodeHash: "CODE", Scopes: []string{"openid"}})
		consent := storage.Consent{UserID: u.ID, ClientID: "board", Granted: []string{"email"}, CreatedAt: now, UpdatedAt: now}
		if _, err := db.PutConsent(t.Context(), consent); err != nil {
			t.Fatal(err)
		}
		for range 700 { // more than a page
			if err := w.Audit.Record(t.Context(), audit.Event{Name: audit.SignInFailed, UserID: u.ID}); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.InsertIdentity(t.Context(), storage.Identity{
			ID: "i1", Upstream: "google", Issuer: "https://accounts.google.com", Subject: "11016", UserID: u.ID,
			Label: "ada@gmail.com", Tokens: []byte("SEALED"), CreatedAt: time.Now(),
		}); err != nil {
			t.Fatal(err)
		}
		kept := metadata.Service{Store: db, Audit: w.Audit}
		if err := kept.Merge(t.Context(), u.ID, json.RawMessage(`{"department":"Analytical engines"}`)); err != nil {
			t.Fatal(err)
		}
		e, err := exports.Make(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{
			u.ID, "ada@example.org", "+43 1 5550100", "Blue key",
			`"upstream":"google"`, "11016", "ada@gmail.com", `"totp"`, `"recovery"`, "shop",
			`"metadata":{"department":"Analytical engines"}`, "board", `"groups":[]`, `"activity_complete":true`,
		} {
			if !strings.Contains(string(raw), part) {
				t.Errorf("lacks %s", part)
			}
		}
		for _, part := range []string{
			secret, session.Hash(secret), s.ID, "SEALED", "PUBLIC", "HANDLE", "CODEHASH", "77777", "GRANTID", "CODE", "$2a$", "null",
		} {
			if strings.Contains(string(raw), part) {
				t.Errorf("holds %s", part)
			}
		}
		if len(e.Activity) < 703 || len(e.Sessions) != 1 || len(e.Credentials) != 4 {
			t.Errorf("%d events, %d sessions, %d credentials", len(e.Activity), len(e.Sessions), len(e.Credentials))
		}
		if w.Events(t, u.ID)[audit.DataExported] != 1 {
			t.Error("not written down")
		}
		if _, err := exports.Make(t.Context(), "nobody"); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("of nobody: %v", err)
		}
	})
}
