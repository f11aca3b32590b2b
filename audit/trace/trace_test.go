package trace_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/audit/trace"
	"signet/storage"
)

// rows is a store in memory.
type rows struct {
	sync.Mutex
	data map[string][]byte
}

func (r *rows) PutTrace(_ context.Context, reference, _ string, _ time.Time, data []byte) error {
	r.Lock()
	defer r.Unlock()
	r.data[reference] = data
	return nil
}

func (r *rows) LastTrace(context.Context, string) ([]byte, error) { return nil, storage.ErrNotFound }

func (r *rows) KeptTrace(_ context.Context, reference string) ([]byte, error) {
	r.Lock()
	defer r.Unlock()
	data, ok := r.data[reference]
	if !ok {
		return nil, storage.ErrNotFound
	}
	return data, nil
}

func reference(i int) string { return fmt.Sprintf("%04d-%04d-MX", i/10000, i%10000) }

func recorder(keep time.Duration) (*trace.Recorder, *rows) {
	store := &rows{data: map[string][]byte{}}
	return trace.New(trace.Options{Store: store, Keep: keep, Known: func(id string) bool { return id != "made-up" }}), store
}

func TestARefusalIsFoundAgain(t *testing.T) {
	r, _ := recorder(time.Hour)
	one := trace.Trace{Reference: "7F3K-92QD-MX", At: time.Now(), Route: "POST /oauth2/token", Code: "invalid_client", ClientID: "shop"}
	r.Record(one)
	for _, typed := range []string{"7F3K-92QD-MX", "7f3k92qdmx", " 7f3k 92qd mx "} {
		if got, err := r.Find(t.Context(), typed); err != nil || got.ClientID != "shop" {
			t.Errorf("%q: %+v %v", typed, got, err)
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"", "7F3K-92QD-MY", "7F3K-92QD-M", "7F3K-92QD-MX'--", strings.Repeat("x", 10_000)} {
		if _, err := r.Find(t.Context(), other); err != storage.ErrNotFound {
			t.Errorf("%.20q: %v", other, err)
		}
	}
	var none *trace.Recorder
	none.Record(one) // does nothing
}

// TestV06_AFloodOfRefusalsIsNoLoadOfWrites: rows are bounded in all, for each client and for each network, and only for clients that there
// are.
func TestV06_AFloodOfRefusalsIsNoLoadOfWrites(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	for name, test := range map[string]struct {
		of   func(i int) trace.Trace
		rows int
	}{
		"one client, many networks": {func(i int) trace.Trace { return trace.Trace{ClientID: "shop", Network: fmt.Sprint(i)} }, 1},
		"one network, many clients": {func(i int) trace.Trace { return trace.Trace{ClientID: fmt.Sprint(i), Network: "n"} }, 1},
		"many of both":              {func(i int) trace.Trace { return trace.Trace{ClientID: fmt.Sprint(i), Network: fmt.Sprint(i)} }, 10},
		"many people":               {func(i int) trace.Trace { return trace.Trace{UserID: fmt.Sprint(i), Network: fmt.Sprint(i)} }, 10},
		"clients that are not":      {func(i int) trace.Trace { return trace.Trace{ClientID: "made-up", Network: fmt.Sprint(i)} }, 0},
		"nobody":                    {func(i int) trace.Trace { return trace.Trace{Network: fmt.Sprint(i)} }, 0},
		"limits":                    {func(i int) trace.Trace { return trace.Trace{ClientID: fmt.Sprint(i), Status: 429} }, 0},
	} {
		r, store := recorder(time.Hour)
		for i := range 5000 {
			one := test.of(i)
			one.Reference, one.At = reference(i), now
			r.Record(one)
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(store.data) != test.rows {
			t.Errorf("%s: %d rows, want %d", name, len(store.data), test.rows)
		}
	}

	r, store := recorder(0)
	r.Record(trace.Trace{Reference: reference(1), At: now, ClientID: "shop", Error: strings.Repeat("é", 5000)})
	if err := r.Flush(t.Context()); err != nil || len(store.data) != 0 {
		t.Errorf("audit.traces 0s: %d rows, %v", len(store.data), err)
	}
	if got, err := r.Find(t.Context(), reference(1)); err != nil || len(got.Error) > 1100 || !strings.HasSuffix(got.Error, "é...") {
		t.Errorf("a long error: %d bytes, %v", len(got.Error), err)
	}
}

func TestTheLastTwoThousandAreInMemory(t *testing.T) {
	r, _ := recorder(0)
	for i := range 2500 {
		r.Record(trace.Trace{Reference: reference(i)})
	}
	for i := range 2500 {
		if _, err := r.Find(t.Context(), reference(i)); (err == nil) != (i >= 500) {
			t.Fatalf("%d: %v", i, err)
		}
	}
}

func TestExplainSaysWhatWasCheckedAndWhereURIsPart(t *testing.T) {
	e := trace.Trace{Route: "GET /oauth2/authorize", Code: "redirect_mismatch", Error: "redirect_mismatch: x", Facts: []trace.Fact{
		{Name: "redirect_uri", Value: "https://shop.example/callback"},
		{Name: "registered_uris", Value: "https://other.example/cb https://shop.example/cb"}}}.Explain()
	steps := fmt.Sprint(e.Steps)
	if steps != "[{form of the request passed} {client is known and enabled passed} {redirect URI failed}]" ||
		!strings.Contains(e.Found, "https://shop.example/cb. The first difference: allback where b is registered") ||
		!strings.Contains(e.Remedy, "--redirect-uri") {
		t.Errorf("%s %+v", steps, e)
	}
	for sent, want := range map[string]string{
		"https://shop.example/c":   "ends too early: b is missing",
		"https://shop.example/cb/": "goes on after it: / is too much",
		"https://shop.example/cb":  "differ in the query",
	} {
		e := trace.Trace{Code: "redirect_mismatch", Error: "redirect_mismatch: ", Facts: []trace.Fact{{Name: "redirect_uri", Value: sent},
			{Name: "registered_uris", Value: "https://shop.example/cb"}}}.Explain()
		if !strings.Contains(e.Found, want) {
			t.Errorf("%s: %s", sent, e.Found)
		}
	}
}

func TestExplainTellsCausesApart(t *testing.T) {
	seen := map[string]string{}
	for _, cause := range []string{"unknown client", "disabled client", "wrong credential", "method client_secret_post, registered none"} {
		e := trace.Trace{Route: "POST /oauth2/token", Code: "invalid_client", Description: "Client authentication failed.",
			Error: "invalid_client: Client authentication failed.: " + cause}.Explain()
		if other := seen[e.Remedy]; other != "" {
			t.Errorf("%q and %q have one remedy", cause, other)
		}
		seen[e.Remedy] = cause
	}
}
