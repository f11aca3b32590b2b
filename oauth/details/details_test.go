package details

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"signet/clients"
	"signet/clients/detail"
	"signet/storage"
	"signet/storage/storagetest"
)

func line(s string) clients.Text { return clients.Text{"": s} }

var payment = detail.Type{Type: "payment", Title: line("Make one payment"), Fields: []detail.Field{
	{Name: "amount.value", Title: line("Amount"), Kind: detail.KindDecimal, Required: true, AtMost: true},
	{Name: "amount.currency", Title: line("Currency"), Kind: detail.KindText, Required: true,
		Values: []detail.Value{{Value: "EUR"}, {Value: "USD"}}},
	{Name: "to", Title: line("To"), Kind: detail.KindText},
	{Name: "times", Title: line("Times"), Kind: detail.KindNumber, AtMost: true},
	{Name: "actions", Title: line("Actions"), Kind: detail.KindList},
	{Name: "instant", Title: line("At once"), Kind: detail.KindBoolean},
}}

const bank = "https://bank.test"

// world is a client of the bank's, and the resources.
func world(t testing.TB) (*clients.Client, *clients.Resources) {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: storagetest.SQLiteDSN(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	r, err := clients.New(t.Context(), clients.Options{
		Store: db, Issuer: "https://id.test", SecretKeys: [][]byte{make([]byte, 32)},
		Declared: []clients.Metadata{{ClientID: "shop", RedirectURIs: []string{"https://shop.test/cb"}, DetailsTypes: []string{"payment", "gone"},
			ClientSecret: "a-secret-that-is-long-enough-for-this"}},
		Resources: []clients.Resource{{Identifier: bank, DetailsTypes: []detail.Type{payment, {Type: "other", Title: line("x")}}},
			{Identifier: "https://stock.test"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Client(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	return c, r.Resources()
}

const good = `{"type":"payment","amount":{"value":"12.50","currency":"EUR"}`

func TestRFC9396_2_WhatIsMalformed(t *testing.T) {
	deep, long := `{"type":"a","b":{"c":{"d":{"e":{"f":1}}}}}`, `{"type":"a","b":"`+strings.Repeat("x", MaxBytes)+`"}`
	for _, raw := range []string{
		`{}`, `"x"`, `[]`, `[1]`, `[null]`, `[[]]`, `[{}]`, `[{"type":1}]`, `[{"type":""}]`, `[{"b":"c"}]`, `[{"type":"a"}`, `[{"type":"a"}]x`,
		`[{"type":"a"}][]`, `[{"type":"a","type":"b"}]`, `[{"type":"a","b":"c","b":"d"}]`, `[{"type":"a","\u0074ype":"b"}]`,
		`[{"type":"a","b":null}]`, `[{"type":"a","b":{}}]`, `[{"type":"a","b":[]}]`, `[{"type":"a","b":[1]}]`, `[{"type":"a","b":[{}]}]`,
		`[{"type":"a","b":["c","c"]}]`, `[{"type":"a","b.c":"d"}]`, `[{"type":"a","":"d"}]`, `[{"type":"a","b":{"c":1,"c":2}}]`,
		`[{"type":"a","locations":"x"}]`, `[{"type":"a","locations":[]}]`, `[` + deep + `]`, `[` + long + `]`,
		"[{\"type\":\"a\",\"b\":\"\xff\"}]",
		`[` + strings.Repeat(`{"type":"a"},`, maxItems) + `{"type":"a"}]`, strings.Repeat("[", 2000), strings.Repeat(`[{"a":`, 700),
		`[{"type":"a","b":["` + strings.Repeat(`x","`, 40) + `"]}]`,
	} {
		if list, err := Parse(raw); !errors.Is(err, ErrMalformed) || list != nil {
			t.Errorf("%.60s: %v, %v", raw, list, err)
		}
	}
	if list, err := Parse(""); list != nil || err != nil || list.String() != "" {
		t.Errorf("none: %v, %v", list, err)
	}
	list, err := Parse(` [ {"b":{"d":true,"c":[ "x" ]}, "type":"a<b"} ] `)
	if err != nil || list.String() != `[{"b":{"c":["x"],"d":true},"type":"a\u003cb"}]` {
		t.Errorf("%s, %v", list, err)
	}
}

func TestRFC9396_5_WhatIsRefused(t *testing.T) {
	c, known := world(t)
	for raw, want := range map[string]bool{
		good + `}`: true, good + `,"to":"Ada Lovelace <ada@example.com>"}`: true, good + `,"times":3}`: true, good + `,"instant":false}`: true,
		good + `,"locations":["https://BANK.test/"]}`: true, good + `,"actions":["pay","see"]}`: true,
		good + `,"locations":["https://stock.test"]}`: false, good + `,"locations":["https://nobody.test"]}`: false,
		good + `,"locations":["https://bank.test","https://stock.test"]}`: false,
		good + `,"iban":"DE"}`: false, good + `,"to":7}`: false, good + `,"to":""}`: false, good + `,"to":["a"]}`: false,
		good + `,"to":"` + strings.Repeat("<", 200) + `"}`: true, good + `,"to":"a\u202eb"}`: false, good + `,"to":"a\nb"}`: false,
		good + `,"to":"` + strings.Repeat("x", 201) + `"}`: false,
		good + `,"times":1e3}`:                             false, good + `,"times":"3"}`: false, good + `,"instant":"true"}`: false,
		good + `,"actions":"pay"}`:   false,
		good + `,"to":{"name":"a"}}`: false, good + `,"times":99999999999999999999}`: false,
		`{"type":"payment"}`: false, `{"type":"payment","amount":{"value":"12.50"}}`: false, `{"type":"payment","amount":"12.50"}`: false,
		`{"type":"payment","amount":{"value":"1e9","currency":"EUR"}}`:   false,
		`{"type":"payment","amount":{"value":"0x1","currency":"EUR"}}`:   false,
		`{"type":"payment","amount":{"value":"12.50","currency":"eur"}}`: false,
		`{"type":"payment","amount":{"value":12.5,"currency":"EUR"}}`:    false,
		`{"type":"gone"}`: false, `{"type":"other"}`: false, `{"type":"nobody"}`: false,
	} {
		list, err := Parse(`[` + raw + `]`)
		if err == nil {
			err = list.Judge(c, known)
		} else {
			t.Errorf("%s: %v", raw, err)
		}
		if want != (err == nil) || !want && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", raw, err)
		}
		if many, _ := Parse(`[` + raw + strings.Repeat(`,`+raw, 7) + `]`); len(raw) > 250 && (many == nil || many.Judge(c, known) == nil) {
			t.Error("what is too long when it is written anew is taken")
		}
		if want && len(list[0].Locations) > 0 && list[0].Locations[0] != bank {
			t.Errorf("location %q", list[0].Locations)
		}
	}
}

func TestRFC9396_6_NoMoreThanWasGranted(t *testing.T) {
	_, known := world(t)
	pay := func(value string, more string) string {
		return `{"type":"payment","amount":{"value":"` + value + `","currency":"EUR"}` + more + `}`
	}
	for _, test := range []struct {
		granted, asked string
		want           bool
	}{
		{pay("10", ""), pay("10", ""), true}, {pay("10", ""), pay("9.99", ""), true}, {pay("10", ""), pay("0", ""), true},
		{pay("10", ""), pay("10.01", ""), false}, {pay("10", ""), pay("-1", ""), false}, {pay("10", ""), pay("10", `,"to":"Eve"`), false},
		{pay("10", `,"to":"Ada"`), pay("10", ""), false}, {pay("10", `,"to":"Ada"`), pay("10", `,"to":"Eve"`), false},
		{pay("10", `,"actions":["a","b"]`), pay("10", `,"actions":["b"]`), true},
		{pay("10", `,"actions":["a"]`), pay("10", `,"actions":["b"]`), false},
		{pay("10", `,"times":3`), pay("10", `,"times":2`), true}, {pay("10", `,"times":3`), pay("10", `,"times":4`), false},
		{pay("10", `,"instant":false`), pay("10", `,"instant":true`), false},
		{pay("10", ""), pay("10", "") + "," + pay("10", ""), false}, // one payment is not two
		{pay("10", "") + "," + pay("5", ""), pay("5", "") + "," + pay("10", ""), true},
		{pay("10", "") + "," + pay("5", ""), pay("6", "") + "," + pay("6", ""), false},
		{pay("10", "") + "," + pay("5", ""), pay("5", ""), true},
	} {
		granted, err := Parse("[" + test.granted + "]")
		if err != nil {
			t.Fatal(err)
		}
		asked, err := Parse("[" + test.asked + "]")
		if err != nil {
			t.Fatal(err)
		}
		if err := asked.Within(granted, known); test.want != (err == nil) {
			t.Errorf("%s of %s: %v", test.asked, test.granted, err)
		}
	}
}

// FuzzRFC9396_Details: what is taken is written as it was understood, and reads as the same again, whatever the JSON was.
func FuzzRFC9396_Details(f *testing.F) {
	for _, seed := range []string{"", "[]", "[" + good + "}]",
		"[" + good + `,"to":"x","actions":["a"],"times":1,"instant":true,"locations":["` + bank + `"]}]`,
		`[{"type":"a","b":{"c":{"d":1}}}]`, `[{"type":"a","type":"b"}]`} {
		f.Add(seed)
	}
	c, known := world(f)
	f.Fuzz(func(t *testing.T, raw string) {
		list, err := Parse(raw)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v", err)
			}
			return
		}
		written := list.String()
		if len(written) > MaxBytes { // it is not taken
			return
		}
		again, err := Parse(written)
		if err != nil || again.String() != written {
			t.Fatalf("%q is %q, and then %q: %v", raw, written, again, err)
		}
		if written != "" && !json.Valid([]byte(written)) {
			t.Fatalf("%q is not JSON", written)
		}
		if list.Judge(c, known) != nil {
			return
		}
		if err := list.Within(list, known); err != nil {
			t.Fatalf("%q is not within itself: %v", raw, err)
		}
		if slices.ContainsFunc(list, func(o One) bool { return o.Type != "payment" || o.Fields["amount.value"] == nil }) {
			t.Fatalf("%q was taken", raw)
		}
	})
}
