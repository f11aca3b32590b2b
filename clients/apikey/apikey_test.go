package apikey_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/clients/apikey"
	"signet/storage"
	"signet/storage/storagetest"
)

var here = netip.MustParseAddr("192.0.2.7")

func service(t *testing.T, db *storage.DB) apikey.Service {
	t.Helper()
	for _, id := range []string{"shop", "zoo"} {
		if err := db.InsertClient(t.Context(), storage.Client{ID: id, CreatedAt: time.Now(), UpdatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	return apikey.Service{Store: db, Lists: db}
}

func wanted(client string) apikey.Key {
	return apikey.Key{ClientID: client, Name: "x", Permissions: []string{"people:read"}, ExpiresAt: time.Now().Add(time.Hour)}
}

// TestKeys: the text finds the key until it ends, and nothing else does.
func TestKeys(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		s, ctx := service(t, db), t.Context()
		k, text, err := s.Make(ctx, wanted("shop"))
		if err != nil || !apikey.Is(text) || !strings.HasPrefix(text, "sgnk_"+k.ID+"_") || len(text) != len("sgnk_")+16+1+43 {
			t.Fatalf("%+v %q %v", k, text, err)
		}
		got, err := s.Find(ctx, text, here)
		if err != nil || got.ID != k.ID || got.ClientID != "shop" || !got.LastUsedAt.IsZero() {
			t.Fatalf("%+v, %v", got, err)
		}
		if list, err := s.Of(ctx, "shop"); err != nil || len(list) != 1 || time.Since(list[0].LastUsedAt) > time.Minute {
			t.Errorf("the use is not noted: %+v, %v", list, err)
		}
		_, other, err := s.Make(ctx, wanted("zoo"))
		if err != nil {
			t.Fatal(err)
		}
		_, secret, _ := strings.Cut(strings.TrimPrefix(other, "sgnk_"), "_")
		for _, wrong := range []string{"", "sgnk_", "sgnk__", "sgnk_" + k.ID, "sgnk_" + k.ID + "_", text[:len(text)-1], text + "x",
			"sgnk_" + k.ID + "_" + secret,
			strings.ToUpper(text), "sgnk_x'; --_y", "sgnk_\x00_y", "sgnk_\xff_y", strings.Repeat("sgnk_", 100), text + strings.Repeat("x", 9000)} {
			if _, err := s.Find(ctx, wrong, here); !errors.Is(err, apikey.ErrUnknown) {
				t.Errorf("%q: %v", wrong, err)
			}
		}
		if err := s.End(ctx, k.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Find(ctx, text, here); !errors.Is(err, apikey.ErrUnknown) {
			t.Errorf("after it was ended: %v", err)
		}
		if err := s.End(ctx, k.ID); !errors.Is(err, apikey.ErrUnknown) {
			t.Errorf("ended twice: %v", err)
		}
	})
}

// TestNetworks: a key of a network is taken from nowhere else.
func TestNetworks(t *testing.T) {
	t.Parallel()
	s, ctx := service(t, storagetest.SQLite(t)), t.Context()
	k := wanted("shop")
	k.Networks = []string{"192.0.2.9/24", "2001:db8::1"}
	k, text, err := s.Make(ctx, k)
	if err != nil || strings.Join(k.Networks, " ") != "192.0.2.0/24 2001:db8::1/128" {
		t.Fatalf("%v, %v", k.Networks, err)
	}
	for from, good := range map[string]bool{
		"192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.3.1": false, "2001:db8::1": true, "2001:db8::2": false, "0.0.0.0": false,
	} {
		if _, err := s.Find(ctx, text, netip.MustParseAddr(from)); good != (err == nil) || err != nil && !errors.Is(err, apikey.ErrUnknown) {
			t.Errorf("%s: %v", from, err)
		}
	}
	if _, err := s.Find(ctx, text, netip.Addr{}); !errors.Is(err, apikey.ErrUnknown) {
		t.Errorf("from nowhere: %v", err)
	}
}

// TestMistakes: what a key cannot be is told by the field.
func TestMistakes(t *testing.T) {
	t.Parallel()
	s, ctx := service(t, storagetest.SQLite(t)), t.Context()
	for field, change := range map[string]func(k *apikey.Key){
		"name: ":         func(k *apikey.Key) { k.Name = " \n" },
		"name: s":        func(k *apikey.Key) { k.Name = strings.Repeat("ü", 101) },
		"permissions: ":  func(k *apikey.Key) { k.Permissions = nil },
		"expires_at: ":   func(k *apikey.Key) { k.ExpiresAt = time.Time{} },
		"expires_at: a":  func(k *apikey.Key) { k.ExpiresAt = time.Now().Add(-time.Second) },
		"expires_at: a ": func(k *apikey.Key) { k.ExpiresAt = time.Now().Add(366 * 24 * time.Hour) },
		"networks[1]: ":  func(k *apikey.Key) { k.Networks = []string{"10.0.0.0/8", "10.0.0.0/99"} },
		"networks[0]: ":  func(k *apikey.Key) { k.Networks = []string{"localhost"} },
		"networks[0]: w": func(k *apikey.Key) { k.Networks = []string{"::ffff:10.0.0.0/104"} },
		"networks: ":     func(k *apikey.Key) { k.Networks = make([]string, 21) },
	} {
		k := wanted("shop")
		change(&k)
		_, text, err := s.Make(ctx, k)
		if !errors.Is(err, apikey.ErrInvalid) || !strings.HasPrefix(err.Error(), field) || text != "" {
			t.Errorf("%s: %q %v", field, text, err)
		}
	}
}

// TestTwoAtOnce: however many are asked for at the same time, a client has two, and those that expired hold nothing up.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		s, ctx := service(t, db), t.Context()
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { _, _, errs[i] = s.Make(ctx, wanted("shop")) })
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else if !errors.Is(err, apikey.ErrMany) {
				t.Error(err)
			}
		}
		if list, err := s.Of(ctx, "shop"); made != 2 || err != nil || len(list) != 2 {
			t.Errorf("%d were made, there are %d, %v", made, len(list), err)
		}
		if soon, err := s.Ending(ctx, 10); err != nil || len(soon) != 2 {
			t.Errorf("%d end soon, %v", len(soon), err)
		}
		for _, slot := range []int{0, 1} {
			if err := db.InsertAPIKey(ctx, string(rune('a'+slot)), "zoo", slot, "h", []byte(`{}`), time.Now().Add(-time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := s.Make(ctx, wanted("zoo")); err != nil {
			t.Errorf("beside two that expired: %v", err)
		}
		if all, err := s.All(ctx, "", 10); err != nil || len(all) != 3 {
			t.Errorf("there are %d, %v", len(all), err)
		}
	})
}

func FuzzFind(f *testing.F) {
	f.Add("sgnk_abcdefghijklmnop_AAAA")
	f.Add("sgnk__")
	f.Fuzz(func(t *testing.T, text string) {
		s := apikey.Service{Store: none{}}
		if _, err := s.Find(t.Context(), text, here); !errors.Is(err, apikey.ErrUnknown) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// none has no keys, but one that nobody has.
type none struct{ apikey.Store }

func (none) APIKey(context.Context, string) (string, []byte, time.Time, error) {
	return "hash", []byte("{}"), time.Time{}, nil
}
