package users_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/factor"
	"signet/users/password"
)

func ada() users.Registration {
	return users.Registration{Email: "ada@example.org", Name: "Ada Lovelace", Method: users.WithPassword(rightPassword)}
}

func fieldsOf(t *testing.T, err error) []users.Field {
	t.Helper()
	mistakes, ok := errors.AsType[users.Mistakes](err)
	if !ok {
		t.Fatalf("got %v, want Mistakes", err)
	}
	var list []users.Field
	for _, m := range mistakes {
		list = append(list, m.Field)
	}
	return list
}

func TestRegistrationMakesAnAccountWithAnUnprovenAddress(t *testing.T) { // rule D10
	w := newWorld(t, storagetest.SQLite(t), settings{})
	n := ada()
	n.Username, n.Claims = "Ada", json.RawMessage(`{"email_verified": true, "phone_number": "+43 1 555"}`)
	u, err := w.CreateAccount(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Show(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != u.ID || got.EmailVerified || got.Username != "Ada" || string(got.Profile) != `{"name":"Ada Lovelace"}` {
		t.Errorf("got %+v", got)
	}
	if _, err := w.try(t, users.Attempt{Login: "ada@example.org", Password: rightPassword}); err != nil {
		t.Error(err)
	}
	if got := w.events(t, u.ID); got["signup.succeeded"] != 1 {
		t.Errorf("events: %v", got)
	}
}

func TestRegistrationTellsAllMistakesAtOnce(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	for name, tt := range map[string]struct {
		change func(n *users.Registration)
		fields []users.Field
		is     error
	}{
		"nothing": {func(n *users.Registration) { *n = users.Registration{Method: users.WithPassword("")} },
			[]users.Field{users.FieldName, users.FieldEmail, users.FieldPassword}, users.ErrMissing},
		"bad_address":   {func(n *users.Registration) { n.Email = "ada" }, []users.Field{users.FieldEmail}, users.ErrEmail},
		"bad_user_name": {func(n *users.Registration) { n.Username = "a@b.example" }, []users.Field{users.FieldUsername}, users.ErrUsername},
		"bad_name":      {func(n *users.Registration) { n.Name = "Ada\u202eecalevoL" }, []users.Field{users.FieldName}, users.ErrName},
		"long_name":     {func(n *users.Registration) { n.Name = strings.Repeat("ä", 101) }, []users.Field{users.FieldName}, users.ErrName},
		"short_password": {func(n *users.Registration) { n.Method = users.WithPassword("short") }, []users.Field{users.FieldPassword},
			password.ErrTooShort},
		"long_password": {func(n *users.Registration) { n.Method = users.WithPassword(strings.Repeat("x y", 400)) },
			[]users.Field{users.FieldPassword}, password.ErrTooLong},
		"common_password": {func(n *users.Registration) { n.Method = users.WithPassword("Password2026!") }, []users.Field{users.FieldPassword},
			password.ErrCommon},
		"name_as_password": {func(n *users.Registration) { n.Method = users.WithPassword("AdaLovelace1815") },
			[]users.Field{users.FieldPassword}, password.ErrPersonal},
		"all": {func(n *users.Registration) {
			*n = users.Registration{Email: "x", Name: "\x00", Username: "-", Method: users.WithPassword("y")}
		},
			[]users.Field{users.FieldName, users.FieldEmail, users.FieldUsername, users.FieldPassword}, password.ErrTooShort},
	} {
		t.Run(name, func(t *testing.T) {
			n := ada()
			tt.change(&n)
			_, err := w.CreateAccount(t.Context(), n)
			if got := fieldsOf(t, err); !slices.Equal(got, tt.fields) || !errors.Is(err, tt.is) {
				t.Errorf("got %v in %v, want %v in %v", err, got, tt.is, tt.fields)
			}
		})
	}
	if list, err := w.List(t.Context(), "", 10); err != nil || len(list) != 0 {
		t.Errorf("%d accounts were made (%v)", len(list), err)
	}
}

func TestD09_NamesOfTheWorldAreTaken(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	for i, name := range []string{"X", "李", "Ngũgĩ wa Thiong'o", "María-José Carreño Quiñones", "علي", "<b>Bobby</b>",
		"Robert'); DROP TABLE users;--", strings.Repeat("ä", 100)} {
		if _, err := w.CreateAccount(t.Context(),
			users.Registration{Email: fmt.Sprintf("p%d@example.org", i), Name: name, Method: users.WithPassword(rightPassword)}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestD01_TakenIsToldThrottledAndWrittenDown(t *testing.T) {
	inBubble(t, settings{}, func(t *testing.T, w world) {
		ctx := audit.WithOrigin(t.Context(), audit.Origin{Network: "10.0.0.0/24"})
		n := ada()
		n.Username = "ada"
		if _, err := w.CreateAccount(ctx, n); err != nil {
			t.Fatal(err)
		}
		n.Email = "ADA@Example.ORG"
		_, err := w.CreateAccount(ctx, n)
		if got := fieldsOf(t, err); !slices.Equal(got, []users.Field{users.FieldEmail, users.FieldUsername}) || !errors.Is(err, users.ErrTaken) {
			t.Errorf("got %v", err)
		}
		throttled := 0
		for range 60 {
			if _, err := w.CreateAccount(ctx, n); errors.Is(err, users.ErrThrottled) {
				throttled++
			}
		}
		if throttled != 31 {
			t.Errorf("%d of 60 throttled, want all after 30 in all", throttled)
		}
		if got := w.events(t, ""); got["signup.refused"] != 30 || got["signup.throttled"] != 1 {
			t.Errorf("events: %v", got)
		}
		time.Sleep(time.Minute)
		n = users.Registration{Email: "new@example.org", Name: "New", Method: users.WithPassword(rightPassword)}
		if _, err := w.CreateAccount(ctx, n); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestOfTwoWithOneAddressOneIsMade(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t), settings{})
		var wg sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for range 8 {
			wg.Go(func() {
				_, err := w.CreateAccount(context.Background(), ada())
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
				} else if !errors.Is(err, users.ErrTaken) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if made != 1 {
			t.Errorf("%d accounts with one address", made)
		}
	})
}

func TestD12_ClosedAndDomainsHoldInTheService(t *testing.T) {
	db := storagetest.SQLite(t)
	closed := newWorld(t, db, settings{signup: users.Signup{Closed: true}})
	if _, err := closed.CreateAccount(t.Context(), ada()); !errors.Is(err, users.ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
	if _, err := closed.CreateAccount(t.Context(), byOperator(ada())); err != nil {
		t.Errorf("operators make accounts where sign-up is closed: got %v", err)
	}
	some := newWorld(t, db, settings{signup: users.Signup{Domains: []string{"Müller.example", "example.net"}}})
	for email, want := range map[string]bool{
		"a@example.net": true, "b@EXAMPLE.NET": true, "c@xn--mller-kva.example": true,
		"d@example.org": false, "e@sub.example.net": false, "f@example.net.evil.example": false,
	} {
		_, err := some.CreateAccount(t.Context(), users.Registration{Email: email, Name: "X Y", Method: users.WithPassword(rightPassword)})
		if want != (err == nil) || !want && !errors.Is(err, users.ErrDomain) {
			t.Errorf("register %s: %v", email, err)
		}
	}
	if _, err := some.CreateAccount(t.Context(), byOperator(users.Registration{Email: "op@example.org"})); !errors.Is(err, users.ErrDomain) {
		t.Errorf("operator: got %v, want ErrDomain", err)
	}
}

func TestOperatorGivesEveryStandardClaim(t *testing.T) { // OpenID Connect Core §5.1
	w := newWorld(t, storagetest.SQLite(t), settings{})
	all := `{"name":"Ada Lovelace","given_name":"Ada","family_name":"Lovelace","middle_name":"King","nickname":"Countess",` +
		`"preferred_username":"ada","profile":"https://ada.example/","picture":"https://ada.example/a.png","website":"http://ada.example",` +
		`"gender":"female","birthdate":"1815-12-10","zoneinfo":"Europe/London","locale":"en-GB",` +
		`"phone_number":"+1 (604) 555-1234;ext=5678","phone_number_verified":true,` +
		`"address":{"formatted":"12 St James's Square\nLondon",` +
		`"street_address":"12 St James's Square","locality":"London","region":"London","postal_code":"SW1Y 4JH","country":"UK"}}`
	u, err := w.CreateAccount(t.Context(), byOperator(users.Registration{
		Email: "ada@example.org", Verification: users.VerifiedByOperator(), Claims: json.RawMessage(all),
	}))
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	if err := errors.Join(json.Unmarshal([]byte(all), &want), json.Unmarshal(u.Profile, &got)); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || !u.EmailVerified {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBadClaimsAreRefusedAllAtOnce(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	u := w.person(t, "ada@example.org")
	for name, tt := range map[string]struct {
		claims string
		names  []string // that the message holds
	}{
		"not_json":      {`{"name":`, []string{"claims"}},
		"not_an_object": {`["name"]`, []string{"JSON object"}},
		"trailing":      {`{} {}`, []string{"follows"}},
		"twice":         {`{"name":"A","name":"B"}`, []string{"twice"}},
		"unknown":       {`{"admin":true}`, []string{"admin"}},
		"ours":          {`{"sub":"x","updated_at":1}`, []string{"sub", "updated_at"}},
		"types": {`{"name":1,"email_verified":"yes","phone_number_verified":"true","address":"here","gender":["x"]}`,
			[]string{"name", "email_verified", "phone_number_verified", "address", "gender"}},
		"dates":     {`{"birthdate":"1815-02-30"}`, []string{"birthdate"}},
		"date_form": {`{"birthdate":"10.12.1815"}`, []string{"birthdate"}},
		"urls": {`{"website":"javascript:alert(1)","picture":"/a.png","profile":"https://user:pw@ada.example"}`,
			[]string{"website", "picture", "profile"}},
		"zone":           {`{"zoneinfo":"../../etc/passwd"}`, []string{"zoneinfo"}},
		"locale":         {`{"locale":"english"}`, []string{"locale"}},
		"phone":          {`{"phone_number":"call me"}`, []string{"phone_number"}},
		"address_part":   {`{"address":{"planet":"earth"}}`, []string{"planet"}},
		"address_type":   {`{"address":{"country":1}}`, []string{"country"}},
		"address_nobody": {`{"address":{}}`, []string{"address"}},
		"email":          {`{"email":"nobody"}`, []string{"email"}},
		"email_null":     {`{"email":null}`, []string{"email"}},
		"invisible":      {`{"nickname":"a\u200bb"}`, []string{"nickname"}},
		"long":           {`{"gender":"` + strings.Repeat("x", 257) + `"}`, []string{"gender"}},
		"huge":           {`{"gender":"` + strings.Repeat("x", 20000) + `"}`, []string{"longer"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.SetClaims(t.Context(), factor.ForOperator(u.ID, factor.ChangeAddress), json.RawMessage(tt.claims))
			fieldsOf(t, err)
			for _, n := range tt.names {
				if !strings.Contains(err.Error(), n) {
					t.Errorf("%q does not tell of %q", err, n)
				}
			}
		})
	}
	after, err := w.Show(t.Context(), u.ID)
	if err != nil || string(after.Profile) != "{}" {
		t.Errorf("profile is %s (%v)", after.Profile, err)
	}
}

func TestClaimsAreMergedAndNullRemoves(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	u := w.person(t, "ada@example.org")
	bob := w.person(t, "bob@example.org")
	step := func(claims, want string, verified bool, email string) {
		t.Helper()
		if _, err := w.SetClaims(t.Context(), factor.ForOperator(u.ID, factor.ChangeAddress), json.RawMessage(claims)); err != nil {
			t.Fatal(err)
		}
		got, err := w.Show(t.Context(), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Profile) != want || got.EmailVerified != verified || got.Email != email {
			t.Errorf("after %s: got %s, %v, %s", claims, got.Profile, got.EmailVerified, got.Email)
		}
	}
	step(`{"name":"Ada","nickname":"A"}`, `{"name":"Ada","nickname":"A"}`, false, "ada@example.org")
	step(`{"nickname":null,"email_verified":true}`, `{"name":"Ada"}`, true, "ada@example.org")
	step(`{"email":"Ada@Example.org"}`, `{"name":"Ada"}`, true, "Ada@Example.org") // the same address, spelled anew
	step(`{"email":"countess@example.org"}`, `{"name":"Ada"}`, false, "countess@example.org")
	step(`{"email":"ada@example.com","email_verified":true}`, `{"name":"Ada"}`, true, "ada@example.com")
	if _, err := w.SetClaims(t.Context(), factor.ForOperator(u.ID, factor.ChangeAddress),
		json.RawMessage(`{"email":"BOB@example.org"}`)); !errors.Is(err, users.ErrTaken) {
		t.Errorf("got %v, want ErrTaken", err)
	}
	if _, err := w.SetClaims(t.Context(), factor.ForOperator("nobody", factor.ChangeAddress),
		json.RawMessage(`{}`)); !errors.Is(err, users.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if _, err := w.Show(t.Context(), bob.ID); err != nil {
		t.Error(err)
	}
}

func TestA17_OddKeysFindNobody(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t), settings{})
	w.person(t, "ada@example.org")
	for _, who := range []string{"", "1=1", "' OR '1'='1", "%", "_", "ada@example.org'--"} {
		if _, err := w.Show(t.Context(), who); !errors.Is(err, users.ErrNotFound) {
			t.Errorf("%q: got %v", who, err)
		}
	}
}

func TestD09_NamesOfEveryScriptAndEmoji(t *testing.T) { // RFC 5892 appendices A.1 and A.2, RFC 8264
	w := newWorld(t, storagetest.SQLite(t), settings{})
	for i, name := range []string{"علی\u200cرضا", "क्\u200dष", "ශ්\u200dරී", "Ada 👩\u200d🚀", "❤\ufe0f\u200d🔥",
		"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"} {
		u, err := w.CreateAccount(t.Context(),
			byOperator(users.Registration{Email: fmt.Sprintf("p%d@example.com", i), Name: name, Method: users.WithPassword(rightPassword)}))
		if err != nil || !strings.Contains(string(u.Profile), name) {
			t.Errorf("%+q: %v, kept as %s", name, err, u.Profile)
		}
		for _, claim := range []string{"given_name", "nickname", "gender"} {
			raw, _ := json.Marshal(map[string]string{claim: name})
			if _, err := w.SetClaims(t.Context(), factor.ForOperator(u.ID, factor.ChangeAddress), raw); err != nil {
				t.Errorf("%s %+q: %v", claim, name, err)
			}
		}
	}
	for _, name := range []string{"Ada\u200dx", "Ada\u202e", "\u2066Ada", "Ada\u200b", "A\x00da", "👩\u200d"} {
		_, err := w.CreateAccount(t.Context(),
			byOperator(users.Registration{Email: "bad@example.com", Name: name, Method: users.WithPassword(rightPassword)}))
		if !errors.Is(err, users.ErrName) {
			t.Errorf("%+q: %v", name, err)
		}
	}
}
