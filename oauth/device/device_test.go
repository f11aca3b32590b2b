package device_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/oauth/device"
	"signet/oauth/flow"
	"signet/oauth/ledger"
	"signet/storage"
	"signet/storage/storagetest"
)

// TestRFC8628_Statements: a question of a device is one write.
func TestRFC8628_Statements(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		d := device.New(db, db, nil)
		var codes device.Codes
		var found device.Waiting
		poll := func(ctx context.Context) error {
			_, err := db.PollWaiting(ctx, ledger.KindDevice, ledger.HashCode(codes.DeviceCode), "tv", time.Now())
			return err
		}
		for _, test := range []struct {
			name          string
			reads, writes int64
			act           func(ctx context.Context) error
			fails         bool
		}{
			{"begin", 0, 1, func(ctx context.Context) (err error) {
				codes, err = d.Begin(ctx, device.Asking{Request: flow.Request{ClientID: "tv"}, Network: "192.0.2.0/24"})
				return err
			}, false},
			{"poll", 0, 1, poll, false},
			{"too soon", 0, 1, poll, false},
			{"find", 1, 0, func(ctx context.Context) (err error) {
				found, err = d.Find(ctx, device.Read(codes.UserCode))
				return err
			}, false},
			{"a wrong code", 1, 0, func(ctx context.Context) error { _, err := d.Find(ctx, "BCDFGHJK"); return err }, true},
			{"decide", 0, 1, func(ctx context.Context) error { return d.Decide(ctx, found, "ada", true) }, false},
			{"again", 0, 1, func(ctx context.Context) error { return d.Decide(ctx, found, "bob", false) }, true},
			{"find after", 1, 0, func(ctx context.Context) error { _, err := d.Find(ctx, device.Read(codes.UserCode)); return err }, true},
		} {
			ctx, stats := storage.WithStats(t.Context())
			if err := test.act(ctx); (err != nil) != test.fails {
				t.Fatalf("%s: %v", test.name, err)
			}
			if stats.Reads() != test.reads || stats.Writes() != test.writes {
				t.Errorf("%s: %d reads, %d writes, want %d and %d", test.name, stats.Reads(), stats.Writes(), test.reads, test.writes)
			}
		}
	})
}

// TestV06_ANeighbourPushesOutNobody: of what waits in one network the address that began most gives way, and what is over takes no place.
func TestV06_ANeighbourPushesOutNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		d := device.New(db, db, nil)
		begin := func(address string) device.Codes {
			t.Helper()
			codes, err := d.Begin(t.Context(), device.Asking{
				Request: flow.Request{ClientID: "tv"}, Network: "203.0.113.0/24", Address: address,
			})
			if err != nil {
				t.Fatal(err)
			}
			return codes
		}
		var honest []device.Codes
		for i := range 6 {
			honest = append(honest, begin(fmt.Sprintf("203.0.113.%d", i/2)))
		}
		for range 200 {
			begin("203.0.113.66")
		}
		honest = append(honest, begin("203.0.113.9"))
		for range 200 {
			begin("203.0.113.66")
		}
		for i, codes := range honest {
			if _, err := d.Find(t.Context(), device.Read(codes.UserCode)); err != nil {
				t.Errorf("device %d: %v", i, err)
			}
		}
		time.Sleep(device.Life)
		for range 60 {
			begin("203.0.113.66")
		}
	})
}

// TestV06_AFloodOfDevicesIsBounded: what one network leaves takes the place of its own.
func TestV06_AFloodOfDevicesIsBounded(t *testing.T) {
	db := storagetest.SQLite(t)
	d := device.New(db, db, nil)
	begin := func(network string, proven bool) device.Codes {
		t.Helper()
		codes, err := d.Begin(t.Context(), device.Asking{Request: flow.Request{ClientID: "tv"}, Network: network, Proven: proven})
		if err != nil {
			t.Fatal(err)
		}
		return codes
	}
	waits := func(c device.Codes) bool {
		_, err := d.Find(t.Context(), device.Read(c.UserCode))
		return err == nil
	}
	honest, server := begin("203.0.113.0/24", false), begin("198.51.100.0/24", true)
	first := begin("198.51.100.0/24", false)
	for range 120 {
		begin("198.51.100.0/24", false)
	}
	shares, err := db.WaitingShares(t.Context(), ledger.KindDevice, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if n := shares["tv 198.51.100.0/24"][0]; n > 50 {
		t.Errorf("%d of one network", n)
	}
	if !waits(honest) || !waits(server) || waits(first) {
		t.Errorf("honest %v, server %v, the oldest of the flood %v", waits(honest), waits(server), waits(first))
	}
	d.Bound(60, 1<<30)
	last := begin("192.0.2.0/24", false)
	for range 120 { // another network, and the server is full
		last = begin("192.0.2.0/24", false)
	}
	if !waits(honest) || !waits(last) {
		t.Errorf("honest %v, the newest %v", waits(honest), waits(last))
	}
}

// TestUserCodes: 20 characters, each as often; longer where somebody guesses, which refuses nobody.
func TestUserCodes(t *testing.T) {
	db := storagetest.SQLite(t)
	d := device.New(db, db, nil)
	begin := func() string {
		t.Helper()
		codes, err := d.Begin(t.Context(), device.Asking{Request: flow.Request{ClientID: "tv"}, Proven: true})
		if err != nil {
			t.Fatal(err)
		}
		return codes.UserCode
	}
	if code := begin(); len(code) != 9 || code[4] != '-' {
		t.Errorf("%q", code)
	}
	for range 1000 {
		if _, err := d.Find(t.Context(), "BCDFGHJK"); !errors.Is(err, device.ErrUnknown) {
			t.Fatal(err)
		}
	}
	if code := begin(); len(code) != 14 {
		t.Errorf("after a thousand wrong ones: %q", code)
	}
}

// FuzzUserCode: what is read is a code or nothing, whatever was typed, and what is shown can be typed.
func FuzzUserCode(f *testing.F) {
	for _, seed := range []string{
		"", "BCDF-GHJK", "bcdf ghjk", "BCDFGHJKLMNP", "bcdf–ghjk", "ＢＣＤＦ-GHJK", "BCDFGHJA", "\x00", strings.Repeat("B", 65),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code := device.Read(typed)
		if code == "" {
			return
		}
		if n := len(code); n != 8 && n != 12 || strings.Trim(code, "BCDFGHJKLMNPQRSTVWXZ") != "" {
			t.Fatalf("%q is read as %q", typed, code)
		}
		if again := device.Read(device.Spell(code)); again != code || device.Read(strings.ToLower(code)) != code {
			t.Fatalf("%q is shown as %q and read as %q", code, device.Spell(code), again)
		}
	})
}
