package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/audit/feed"
	"signet/storage"
	"signet/storage/storagetest"
)

var at = time.Date(2026, 11, 27, 10, 0, 0, 123456000, time.UTC)

func lineOf(t *testing.T, f feed.Format, e storage.Event) string {
	t.Helper()
	line, err := feed.Line(f, e)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(line), "\n") != 1 || !strings.HasSuffix(string(line), "\n") {
		t.Errorf("%s: not one line: %q", f, line)
	}
	return string(line)
}

// odd is an event whose texts would break out of a line, a field or a format.
var odd = storage.Event{
	ID: "0006a0X", At: at, Name: "user|x=y.z", Outcome: "failure", ActorID: "a=b|c\\d\nCEF:0|", ActorKind: "person", UserID: "u\r\n=",
	ClientID: "</script>\u2028\v\u0085", SessionID: "s", GrantID: "g", Network: "192.0.2.0/24", Agent: `Mozilla\5.0 | x=1`, RequestID: "7F3K",
	Detail: json.RawMessage(`{"a":"b=c\nd|e"}`),
}

func TestT02_NothingBreaksOutOfALine(t *testing.T) {
	var back feed.Event
	if err := json.Unmarshal([]byte(lineOf(t, feed.JSON, odd)), &back); err != nil || back.ActorID != odd.ActorID || back.ID != odd.ID {
		t.Errorf("got %+v, %v", back, err)
	}
	var wide map[string]any
	if err := json.Unmarshal([]byte(lineOf(t, feed.OCSF, odd)), &wide); err != nil || wide["message"] != odd.Name {
		t.Errorf("got %+v, %v", wide, err)
	}
	got := lineOf(t, feed.CEF, odd)
	want := `CEF:0|Signet|Signet|1|user\|x=y.z|user\|x=y z|4|rt=1795773600123 externalId=0006a0X outcome=failure ` +
		`suid=a\=b|c\\d\nCEF:0| duid=u\r\n\= requestClientApplication=Mozilla\\5.0 | x\=1 cs1=</script>    ` +
		`cs1Label=clientId cs2=192.0.2.0/24 cs2Label=network cs3=7F3K cs3Label=requestId cs4=s cs4Label=sessionId cs5=g cs5Label=grantId ` +
		`cs6=person cs6Label=actorKind msg={"a":"b\=c\\nd|e"}` + "\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, err := feed.Line("xml", odd); err == nil {
		t.Error("an unknown format was written")
	}
}

// required is what OCSF 1.3 requires of each class beside what it requires of all.
var required = map[float64][]string{
	3001: {"user"}, 3002: {"user", "service"}, 3004: {"entity"}, 3005: {"user", "privileges"}, 3006: {"group", "user"},
	6003: {"actor", "api", "src_endpoint"},
}

func TestEventsAsOCSF(t *testing.T) {
	for name, want := range map[audit.Name]float64{
		audit.SignInSucceeded: 300201, audit.SessionEnded: 300202, audit.UserCreated: 300101, audit.UserDisabled: 300105,
		audit.FactorAdded: 300110, audit.GroupMemberAdded: 300603, audit.RoleGiven: 300501, audit.ConsentWithdrawn: 300502,
		audit.ClientCreated: 300401, audit.KeyRetired: 300403, audit.AdminRefused: 600399, audit.ConfigLoaded: 600399,
		audit.UserChanged: 300199, audit.ProofReplayed: 300199, "some.later": 300199,
	} {
		for _, e := range []storage.Event{
			{ID: "1", At: at, Name: string(name), Outcome: "success", UserID: "ada", ClientID: "shop", ActorID: "root@host", ActorKind: "cli",
				SessionID: "s", Detail: json.RawMessage(`{"role":"editor","group":"staff","act":"PutRole"}`)},
			{ID: "1", At: at, Name: string(name), Outcome: "failure", UserID: "ada", Detail: json.RawMessage(`{"role":"editor"}`)},
			{ID: "1", At: at, Name: string(name), Outcome: "failure"},
		} {
			var got map[string]any
			if err := json.Unmarshal([]byte(lineOf(t, feed.OCSF, e)), &got); err != nil {
				t.Fatal(err)
			}
			class := got["class_uid"].(float64)
			if e.UserID != "" && e.ClientID == "" && name != audit.ConfigLoaded && got["type_uid"] != want {
				t.Errorf("%s: got %v, want %v", name, got["type_uid"], want)
			}
			if got["category_uid"] != float64(int(class/1000)) || got["type_uid"] != class*100+got["activity_id"].(float64) ||
				got["time"] != 1795773600123.0 || (got["status_id"] == 2.0) != (e.Outcome == "failure") {
				t.Errorf("%s: got %v", name, got)
			}
			for _, field := range append(required[class], "severity_id", "metadata") {
				if got[field] == nil {
					t.Errorf("%s %v: %s is missing in %v", name, class, field, got)
				}
			}
			if required[class] == nil {
				t.Errorf("%s: class %v", name, class)
			}
		}
	}
}

func write(t *testing.T, db *storage.DB, n int) (id string) {
	t.Helper()
	now := time.Now()
	id = fmt.Sprintf("%sABCDEFG%03d", feed.After(now), n)
	if err := db.InsertEvent(t.Context(), storage.Event{ID: id, At: now, Name: "user.changed", Outcome: "success"}); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAFollowerLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		var got []string
		fails := true
		f := feed.Follower{Store: db, Name: "test", Take: func(_ context.Context, list []storage.Event) error {
			if fails {
				return errors.New("full")
			}
			for _, e := range list {
				got = append(got, e.ID)
			}
			return nil
		}}
		write(t, db, 0) // from before there was a follower
		time.Sleep(time.Second)
		if err := f.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range 1200 {
			want = append(want, write(t, db, i%1000))
			time.Sleep(time.Millisecond)
		}
		if err := f.Run(t.Context()); err != nil || len(got) > 0 {
			t.Fatalf("took %d that are not old enough, %v", len(got), err)
		}
		slow := time.Now()
		time.Sleep(5 * time.Second) // the longest transaction: what it wrote shows now, between what others wrote
		id := fmt.Sprintf("%sABCDEFGLATE", feed.After(slow.Add(-time.Millisecond)))
		if err := db.InsertEvent(t.Context(), storage.Event{ID: id, At: slow, Name: "user.changed", Outcome: "success"}); err != nil {
			t.Fatal(err)
		}
		want = slices.Insert(want, len(want), id)
		slices.Sort(want)
		time.Sleep(feed.Behind)
		if err := f.Run(t.Context()); err == nil || len(got) > 0 {
			t.Fatalf("took %d, %v", len(got), err)
		}
		fails = false
		for range 2 {
			if err := f.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %d events, want %d", len(got), len(want))
		}
	})
}

func TestReplicasKeepOnePlace(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		if err := db.MoveCursor(t.Context(), "test", "", "0"); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			old := time.Now().Add(-time.Minute).Add(time.Duration(i))
			err := db.InsertEvent(t.Context(), storage.Event{ID: fmt.Sprintf("%sA%02d", feed.After(old), i), At: old, Name: "n", Outcome: "success"})
			if err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		seen := map[string]bool{}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				err := feed.Follower{Store: db, Name: "test", Take: func(_ context.Context, list []storage.Event) error {
					mu.Lock()
					defer mu.Unlock()
					for _, e := range list {
						seen[e.ID] = true
					}
					return nil
				}}.Run(t.Context())
				if err != nil && !errors.Is(err, storage.ErrStale) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(seen) != 20 {
			t.Errorf("%d events were taken, want 20", len(seen))
		}
	})
}

func TestTheFileMayBeRenamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	f := feed.File{Path: path, Format: feed.JSON}
	for i, id := range []string{"1", "2"} {
		if err := f.Take(t.Context(), []storage.Event{{ID: id, At: at, Name: "n"}}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]string{path + ".1": "1", path: "2"} {
		text, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(text), `{"id":"`+want+`"`) || strings.Count(string(text), "\n") != 1 {
			t.Errorf("%s: got %s, %v", name, text, err)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := (feed.File{Path: filepath.Join(path, "no", "folder")}).Take(t.Context(), nil); err == nil ||
		!strings.Contains(err.Error(), "audit.file") {
		t.Errorf("got %v", err)
	}
}

// A disk that was full, or a process that died, leaves a line without its end: what comes after it is whole.
func TestALineThatWasCutSpoilsNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	if err := os.WriteFile(path, []byte("{\"id\":\"1\"}\n{\"id\":\"2\",\"na"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := feed.File{Path: path, Format: feed.JSON}
	for _, id := range []string{"2", "3"} {
		if err := f.Take(t.Context(), []storage.Event{{ID: id, At: at, Name: "n"}}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for line := range strings.Lines(string(text)) {
		var e feed.Event
		if json.Unmarshal([]byte(line), &e) == nil {
			ids = append(ids, e.ID)
		}
	}
	if !slices.Equal(ids, []string{"1", "2", "3"}) || strings.Count(string(text), "\n") != 4 {
		t.Errorf("got %q", text)
	}
}

// A replica whose clock is behind by as much as one may be that is ready writes events by the database's clock, and whose is ahead passes
// over none of them.
func TestClocksOfReplicasMayDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		const behind = 25 * time.Second // as if the database's clock, and that of the other replica, were ahead by so much
		writer, follower := audit.New(db), audit.New(db)
		writer.Correct(behind)
		follower.Correct(behind)
		got := 0
		f := feed.Follower{Store: db, Name: "test", Now: follower.Now, Take: func(_ context.Context, list []storage.Event) error {
			got += len(list)
			return nil
		}}
		if err := f.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := writer.Record(t.Context(), audit.Event{Name: audit.UserChanged}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(feed.Behind - time.Second)
			if err := f.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got != 2 { // the last is not old enough
			t.Errorf("took %d", got)
		}
	})
}
