package browser_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/storage"
	"signet/storage/storagetest"
)

// oldRequest, oldFacts and oldPending are copies of what the release before this one read from a row.
type oldRequest struct {
	Purpose string `json:"errand"`
	Then    string `json:"then,omitempty"`
	Request struct {
		ClientID    string   `json:"client_id"`
		RedirectURI string   `json:"redirect_uri"`
		Scopes      []string `json:"scopes"`
		State       string   `json:"state,omitempty"`
	} `json:"request"`
}

type oldFacts struct {
	SignedInAt  time.Time   `json:"signed_in_at,omitzero"`
	AccountAt   time.Time   `json:"account_at,omitzero"`
	UserID      string      `json:"user_id,omitempty"`
	DecidedAt   time.Time   `json:"decided_at,omitzero"`
	Granted     []string    `json:"granted,omitempty"`
	Denied      bool        `json:"denied,omitempty"`
	RefusedSign bool        `json:"refused_sign,omitempty"`
	Pending     *oldPending `json:"half,omitempty"`
	Connect     string      `json:"connect,omitempty"`
	Sent        bool        `json:"sent,omitempty"`
}

type oldPending struct {
	UserID   string          `json:"user_id"`
	Epoch    int64           `json:"epoch"`
	At       time.Time       `json:"at"`
	AMR      []string        `json:"amr"`
	ACR      string          `json:"acr"`
	Remember bool            `json:"remember,omitempty"`
	Guesses  int             `json:"guesses,omitempty"`
	From     json.RawMessage `json:"from,omitempty"`
}

// oldDecode is what the release before made of a row.
func oldDecode(t *testing.T, row storage.Interaction) (req oldRequest, facts oldFacts) {
	t.Helper()
	if err := errors.Join(json.Unmarshal(row.Request, &req), json.Unmarshal(row.Facts, &facts)); err != nil {
		t.Fatal(err)
	}
	return req, facts
}

func rowOf(t *testing.T, db *storage.DB, id string) storage.Interaction {
	t.Helper()
	row, err := db.InteractionByID(t.Context(), id, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestV02_TheReleaseBeforeSeesNoPendingSignIn(t *testing.T) {
	db := storagetest.SQLite(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
	in := begin(t, b, tab{}, flow.Request{ClientID: "shop", RedirectURI: "https://shop.example/cb", Scopes: []string{"openid"}, State: "s"})
	for _, enrol := range []bool{false, true} {
		err := b.Record(t.Context(), &in, func(p *flow.Progress) {
			p.UserID, p.PendingIdentity, p.SentOn = "ada", "identity", true
			p.PendingFactor = &flow.PendingFactor{UserID: "ada", Epoch: 3, At: time.Now(), AMR: []string{"pwd"}, ACR: "1", Enrol: enrol}
		})
		if err != nil {
			t.Fatal(err)
		}
		req, facts := oldDecode(t, rowOf(t, db, in.ID))
		if facts.Pending != nil {
			t.Errorf("enrol %t: the release before goes on with %+v", enrol, facts.Pending)
		}
		if facts.UserID != "ada" || facts.Connect != "identity" || !facts.Sent {
			t.Errorf("facts %+v", facts)
		}
		want := oldRequest{Purpose: "authorize"}
		want.Request.ClientID, want.Request.RedirectURI = "shop", "https://shop.example/cb"
		want.Request.Scopes, want.Request.State = []string{"openid"}, "s"
		if !reflect.DeepEqual(req, want) {
			t.Errorf("request %+v", req)
		}
	}
}

func TestV02_APendingSignInOfTheReleaseBeforeBeginsAgain(t *testing.T) {
	db := storagetest.SQLite(t)
	b, c := newBrowser(t, db, "http://localhost:9400", browser.Options{}), tab{}
	in := begin(t, b, c, flow.Request{ClientID: "shop"})
	old, err := json.Marshal(oldFacts{
		UserID: "ada", Granted: []string{"openid"}, Connect: "identity",
		Pending: &oldPending{UserID: "ada", At: time.Now(), AMR: []string{"pwd"}, ACR: "1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.UpdateInteractionFacts(t.Context(), in.ID, in.Row.Facts, old); err != nil {
		t.Fatal(err)
	}
	got, err := b.Interaction(c.request(t, "GET", b.Path("/signin", &in)))
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Progress.Pending(time.Now()); p != nil {
		t.Errorf("goes on with %+v", p)
	}
	if p := got.Progress; p.UserID != "ada" || len(p.Granted) != 1 || p.PendingIdentity != "identity" {
		t.Errorf("progress %+v", p)
	}
	if err := b.Record(t.Context(), &got, func(*flow.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if _, facts := oldDecode(t, rowOf(t, db, in.ID)); facts.Pending != nil || facts.UserID != "ada" {
		t.Errorf("written back: %+v", facts)
	}
}

func TestV02_ARowOfALaterReleaseIsLeftAlone(t *testing.T) {
	db := storagetest.SQLite(t)
	b, c := newBrowser(t, db, "http://localhost:9400", browser.Options{}), tab{}
	in := begin(t, b, c, flow.Request{ClientID: "shop"})
	later := json.RawMessage(`{"v":2,"user_id":{"of":"another shape"},"more":1}`)
	if err := db.UpdateInteractionFacts(t.Context(), in.ID, in.Row.Facts, later); err != nil {
		t.Fatal(err)
	}
	_, err := b.Interaction(c.request(t, "GET", b.Path("/signin", &in)))
	if !errors.Is(err, storage.ErrUnavailable) || browser.IsExpired(err) {
		t.Errorf("read: %v, want unavailable", err)
	}
	mine := in
	if err := b.Record(t.Context(), &mine, func(p *flow.Progress) { p.UserID = "ada" }); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("recorded: %v, want unavailable", err)
	}
	if err := b.Answer(t.Context(), in, func(p *flow.Progress) { p.Answers++ }); !errors.Is(err, storage.ErrStale) {
		t.Errorf("answered: %v, want stale", err)
	}
	if row := rowOf(t, db, in.ID); string(row.Facts) != string(later) {
		t.Errorf("written: %s", row.Facts)
	}
}

func TestV02_OfAPastRequestOnlyTheWayBackIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		b, c := newBrowser(t, db, "http://localhost:9400", browser.Options{}), tab{}
		age := int64(5)
		in := begin(t, b, c, flow.Request{
			ClientID: "shop", RedirectURI: "https://shop.example/cb", RedirectURISent: true, ResponseType: "code",
			ResponseMode: "form_post", State: "s", Scopes: []string{"openid"}, Resources: []string{"notes"}, Nonce: "n",
			CodeChallenge: "cc", CodeChallengeMethod: "S256", Prompts: []string{"login"}, MaxAge: &age, LoginHint: "ada@example.org",
			IDPHint: "google", HintSubject: "ada", HintSubjects: []string{"ada"}, ACRValues: []string{"2"},
			EssentialACRs: []string{"2"}, Claims: "{}", Display: "page", Extra: map[string]string{"x": "y"},
		})
		if err := b.Record(t.Context(), &in, func(p *flow.Progress) { p.UserID = "ada" }); err != nil {
			t.Fatal(err)
		}
		own, err := b.BeginConfirm(httptest.NewRecorder(), c.request(t, "GET", "/account/data"), "/account/data")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * time.Minute)
		young := begin(t, b, c, flow.Request{ClientID: "notes", LoginHint: "bob@example.org"})
		time.Sleep(2 * time.Minute)
		for range 2 { // done twice is done
			if err := b.TrimPast(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		row := rowOf(t, db, in.ID)
		want := `{"errand":"authorize","request":{"client_id":"shop","redirect_uri":"https://shop.example/cb","redirect_uri_sent":false,` +
			`"response_type":"code","response_mode":"form_post","scopes":null,"state":"s"}}`
		if string(row.Request) != want || string(row.Facts) != "{}" {
			t.Errorf("kept %s with %s", row.Request, row.Facts)
		}
		got, err := b.Interaction(c.request(t, "GET", b.Path("/signin", &in)))
		if err != nil || !got.Over || got.Request.State != "s" {
			t.Errorf("read: %+v, %v", got, err)
		}
		if _, err := b.Interaction(tab{}.request(t, "GET", b.Path("/signin", &in))); kind(err) != "expired" {
			t.Errorf("in another browser: %v", err)
		}
		if _, err := db.InteractionByID(t.Context(), own.ID, time.Unix(0, 0)); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("one of ours: %v", err)
		}
		if got, err := b.Interaction(c.request(t, "GET", b.Path("/signin", &young))); err != nil || got.Over || got.Request.LoginHint == "" {
			t.Errorf("a live one: %+v, %v", got, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}
