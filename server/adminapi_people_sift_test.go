package server_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"signet/storage"
)

// TestAPageOfPeopleLooksAtSoMany: the few who fit are found on later pages, and no page has the database look at everybody. The statements
// are tested on both engines by storagetest; to write so many people takes a Postgres of tests too long.
func TestAPageOfPeopleLooksAtSoMany(t *testing.T) {
	d := newAdminAPI(t)
	db, made := d.Services().DB, time.Now().Add(-time.Hour)
	err := db.Tx(t.Context(), func(ctx context.Context) error {
		for i := range 20_010 {
			email := fmt.Sprintf("u%06d@example.com", i)
			u := storage.User{ID: fmt.Sprintf("P%06d", i), Email: email, EmailKey: email, Profile: []byte("{}"), EmailVerified: i < 20_005,
				CreatedAt: made.Add(time.Duration(i) * time.Millisecond), UpdatedAt: made}
			if i == 20_007 {
				u.DisabledAt = made
			}
			if err := db.InsertUser(ctx, u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{"search=u&disabled=true": 1, "search=u&unverified=true": 5,
		"unverified=true&created_since=2020-01-01T00:00:00Z": 5} {
		pages, found, next := 0, 0, ""
		for {
			page := d.want(200, "GET /people?"+query+"&after="+url.QueryEscape(next), nil)
			items, _ := page["items"].([]any)
			pages, found = pages+1, found+len(items)
			if next, _ = page["next"].(string); next == "" || pages > 5 {
				break
			}
		}
		if pages != 2 || found != want {
			t.Errorf("%s: %d people on %d pages", query, found, pages)
		}
	}
}
