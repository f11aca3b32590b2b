package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/admin"
	"signet/audit/feed"
	"signet/audit/seals"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/membership"
)

// lines gets what is no JSON document.
func (d *adminAPI) lines(path string) ([]string, http.Header) {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Context(), http.MethodGet, d.URL+"/api/admin/v1"+path, nil)
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	res, err := d.HTTP.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		d.Fatalf("got %d %s, %v", res.StatusCode, text, err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), res.Header
}

func TestEventsAreExported(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	at := time.Now().Add(-time.Minute)
	for i, name := range []string{"user.changed", "signin.failed", "user.disabled"} {
		id := feed.After(at.Add(time.Duration(i)*time.Second)) + "ABCDEFGHIJ"
		err := d.Services().DB.InsertEvent(t.Context(), storage.Event{ID: id, At: at, Name: name, Outcome: "success", UserID: "u"})
		if err != nil {
			t.Fatal(err)
		}
	}
	since := "since=" + at.Add(-time.Second).UTC().Format("2006-01-02T15:04:05Z")
	lines, head := d.lines("/events:export?limit=2&" + since)
	if head.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("got %v", head)
	}
	var names []string
	for _, line := range lines {
		var e feed.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Name)
	}
	if strings.Join(names, " ") != "user.changed signin.failed" {
		t.Errorf("got %v", names)
	}
	link := head.Get("Link")
	_, next, _ := strings.Cut(link, "/api/admin/v1")
	next, ok := strings.CutSuffix(next, `>; rel="next"`)
	if !ok {
		t.Fatalf("got Link %q", link)
	}
	if rest, _ := d.lines(next); len(rest) != 1 || !strings.Contains(rest[0], "user.disabled") {
		t.Errorf("got %v", rest)
	}
	if cef, head := d.lines("/events:export?format=cef&" + since); len(cef) != 3 || !strings.HasPrefix(cef[0], "CEF:0|Signet|") ||
		!strings.HasPrefix(head.Get("Content-Type"), "text/plain") || head.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %v %s", head, cef)
	}
	d.want(http.StatusUnprocessableEntity, "GET /events:export?format=xml", nil)
	d.want(http.StatusUnprocessableEntity, "GET /events:export?limit=1001", nil)
	list, err := d.Services().DB.EventsLike(t.Context(), storage.Event{Name: "audit.exported"}, "", 10)
	if err != nil || len(list) != 1 {
		t.Errorf("%d events say that the log was read, %v; want 1", len(list), err)
	}
}

func TestT06_TheServerSealsAndVerifies(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
		h := s.Services()
		old := time.Now().Add(-time.Hour)
		err := h.DB.InsertEvent(t.Context(), storage.Event{ID: feed.After(old) + "ABCDEFGHIJ", At: old, Name: "user.changed", Outcome: "success"})
		if err != nil {
			t.Fatal(err)
		}
		runJob(t, s.Server, "seal-events")
		r, err := h.Seals.Verify(t.Context(), h.KeepEvents, seals.Anchor{})
		if err != nil || len(r.Findings) > 0 || r.Seals == 0 || r.Events != 1 {
			t.Errorf("got %+v, %v", r, err)
		}
		runJob(t, s.Server, "expire-events-sign-ins")
		runJob(t, s.Server, "expire-events-others")
		if again, err := h.Seals.Verify(t.Context(), h.KeepEvents, seals.Anchor{N: r.Last, Head: r.Head}); err != nil ||
			len(again.Findings) > 0 || again.Gone != 0 {
			t.Errorf("got %+v, %v", again, err)
		}
	})
}

func TestTheAuditFileFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.YAML("audit: {file: "+path+", file_format: ocsf}"))
		runJob(t, s.Server, "audit-file")
		s.Person(t, "ada@example.com")
		runJob(t, s.Server, "audit-file")
		if _, err := os.Stat(path); err == nil {
			t.Error("what is not old enough is in the file")
		}
		time.Sleep(feed.Behind + time.Second)
		runJob(t, s.Server, "audit-file")
		runJob(t, s.Server, "audit-file")
		text, err := os.ReadFile(path)
		if err != nil || strings.Count(string(text), `"event_code":"user.created"`) != 1 {
			t.Errorf("got %s, %v", text, err)
		}
	})
}

func TestOnlyWhoMayExportsEvents(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	acts := s.Services().Admin
	p := s.Person(t, "support@example.com")
	command := s.Services().Host("root@host")
	if err := acts.GiveRole(t.Context(), command, admin.RoleSupport, membership.Holder{UserID: p.ID}); err != nil {
		t.Fatal(err)
	}
	held, err := acts.Held(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	a := admin.Actor{Kind: admin.KindPerson, ID: p.ID, Holds: held}
	if _, _, err := acts.ExportEvents(t.Context(), a, feed.JSON, "", time.Time{}, 1); err == nil {
		t.Error("support exports the audit log")
	}
}
