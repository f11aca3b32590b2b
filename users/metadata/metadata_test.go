package metadata_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/metadata"
	"signet/users/userstest"
)

// TestBounds: what is too much, too deep, or read as two things, is refused, with what is wrong.
func TestBounds(t *testing.T) {
	members := make([]string, 201)
	for i := range members {
		members[i] = fmt.Sprintf(`"m%d":%d`, i, i)
	}
	for text, want := range map[string]string{
		`[]`: "JSON object", `null`: "JSON object", `"x"`: "JSON object",
		`{`: "JSON object", `{} {}`: "JSON object", `{"a":}`: "JSON object", ``: "",
		`{"a":1,"a":2}`: "twice", `{"a":{"b":1,"b":2}}`: "twice", `{"a b":1}`: "for a name", `{"":1}`: "for a name", `{"ü":1}`: "for a name",
		`{"` + strings.Repeat("x", 65) + `":1}`: "for a name", `{"a":"` + strings.Repeat("x", metadata.MaxBytes) + `"}`: "longer",
		`{"a":"` + strings.Repeat("x", 5*metadata.MaxBytes) + `"}`:                  "longer",
		`{"a":` + strings.Repeat("[", 5) + strings.Repeat("]", 5) + `}`:             "nested",
		`{"a":` + strings.Repeat(`{"a":`, 10000) + `1` + strings.Repeat("}", 10001): "longer",
		`{"a":` + strings.Repeat(`[`, 3000) + strings.Repeat("]", 3000) + `}`:       "nested",
		`{"a":` + strings.Repeat("9", 33) + `}`:                                     "number",
		`{` + strings.Join(members, ",") + `}`:                                      "more than 200",
		"{\"a\":\"\xff\"}":                                                          "UTF-8",
		`{"a":{"b":{"c":{"d":{"e":1}}}}}`:                                           "", `{"a":1e300,"b":"\u0000","c":null,"d":[null]}`: "",
	} {
		err := metadata.Check(json.RawMessage(text))
		bad, ok := errors.AsType[*metadata.Invalid](err)
		if want == "" && err != nil || want != "" && (!ok || !strings.Contains(bad.Text, want)) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

// TestMerge: members replace those there are, null removes one, and the event names what changed, not what it is.
func TestMerge(t *testing.T) {
	db := storagetest.SQLite(t)
	w := userstest.New(t, db, nil)
	ada := w.Person(t, "ada@example.com")
	s := metadata.Service{Store: db, Audit: w.Audit}
	for _, step := range []struct{ change, want string }{
		{`{"dept":"Sales","work":{"site":"Wien","floor":2}}`, `{"dept":"Sales","work":{"floor":2,"site":"Wien"}}`},
		{`{"work":{"floor":null,"seat":7}}`, `{"dept":"Sales","work":{"seat":7,"site":"Wien"}}`},
		{`{}`, `{"dept":"Sales","work":{"seat":7,"site":"Wien"}}`}, {`{"none":null}`, `{"dept":"Sales","work":{"seat":7,"site":"Wien"}}`},
		{`{"dept":"secret-of-ada","big":12345678901234567}`, `{"big":12345678901234567,"dept":"secret-of-ada","work":{"seat":7,"site":"Wien"}}`},
		{`{"dept":null,"work":null,"big":null}`, ""},
	} {
		if err := s.Merge(t.Context(), ada.ID, json.RawMessage(step.change)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Of(t.Context(), ada.ID); err != nil || string(got) != step.want {
			t.Fatalf("after %s: %s, %v", step.change, got, err)
		}
	}
	events, err := db.EventsOfUser(t.Context(), ada.ID, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var details []string
	for _, e := range events {
		if e.Name == string(audit.UserChanged) {
			details = append(details, string(e.Detail))
		}
	}
	all := strings.Join(details, "\n")
	if len(details) != 4 || strings.Contains(all, "secret-of-ada") || !strings.Contains(all, `{"metadata":{"big":"added","dept":"changed"}}`) {
		t.Errorf("events:\n%s", all)
	}
	var bad *metadata.Invalid
	if err := s.Merge(t.Context(), ada.ID, json.RawMessage(`[1]`)); !errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
}

// TestChangesAtOnceAreAllThere, on both engines: nobody's member is lost, whoever writes last.
func TestChangesAtOnceAreAllThere(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		w := userstest.New(t, db, nil)
		ada := w.Person(t, "ada@example.com")
		s := metadata.Service{Store: db, Audit: w.Audit}
		const writers = 8
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				for { // where all others were quicker, ten times
					err := s.Merge(t.Context(), ada.ID, json.RawMessage(fmt.Sprintf(`{"m%d":%d}`, i, i)))
					if err == nil {
						return
					}
					if !errors.Is(err, storage.ErrStale) {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		raw, err := s.Of(t.Context(), ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		if object, err := metadata.Read(raw); err != nil || len(object) != writers {
			t.Errorf("got %s, %v", raw, err)
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add(`{"a":{"b":[1,"x",null,true]}}`)
	f.Add(`{"a":1,"a":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		if err := metadata.Check(json.RawMessage(text)); err != nil {
			return
		}
		if len(text) > 0 {
			object, err := metadata.Read(json.RawMessage(text))
			if err != nil {
				t.Fatal(err)
			}
			if raw, err := json.Marshal(object); err != nil || len(raw) > 4*metadata.MaxBytes {
				t.Fatal(len(raw), err)
			}
		}
	})
}
