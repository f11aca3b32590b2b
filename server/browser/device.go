package browser

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/users/factor"
)

// The device cookie says which accounts signed in in this browser before. It proves nothing about who sits there now; it
// only gives the browser a budget of its own for wrong passwords, so that strangers who guess at an account cannot keep
// its owner out (F02).
type device struct {
	ID       string  `json:"d"` // random; counters of the budget are kept by it
	Accounts []known `json:"a"` // last one first
}

type known struct {
	Account string `json:"u"` // shortened hash of the user id
	Since   int64  `json:"t"` // unix seconds of the last sign-in
	// Until and Epoch: the person wants no second factor in this browser until then (unix seconds), as long as nothing has
	// ended everything of theirs.
	Until int64 `json:"x,omitempty"`
	Epoch int64 `json:"e,omitempty"`
}

const (
	maxAccounts    = 8
	deviceLifetime = 180 * 24 * time.Hour
)

func accountMark(userID string) string {
	sum := sha256.Sum256([]byte(userID))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// Device returns the browser's device id if it is known to the account; "" if not.
func (b *Browser) Device(r *http.Request, userID string) string {
	d, ok := parseDevice(b.jar.read(r, deviceCookie), b.deviceKeys, time.Now())
	if !ok {
		return ""
	}
	mark := accountMark(userID)
	if slices.ContainsFunc(d.Accounts, func(k known) bool { return k.Account == mark }) {
		return d.ID
	}
	return ""
}

// Known is Device of the request for any account; nil in a browser that is known to none.
func (b *Browser) Known(r *http.Request) func(userID string) string {
	d, ok := parseDevice(b.jar.read(r, deviceCookie), b.deviceKeys, time.Now())
	if !ok || len(d.Accounts) == 0 {
		return nil
	}
	return func(userID string) string { return b.Device(r, userID) }
}

// WithKnown is the request's context, whose origin reports a browser known to some account: what others in its network do does
// not turn it away (rule V06).
func (b *Browser) WithKnown(r *http.Request) context.Context {
	d, ok := parseDevice(b.jar.read(r, deviceCookie), b.deviceKeys, time.Now())
	if !ok || len(d.Accounts) == 0 {
		return r.Context()
	}
	o := audit.OriginOf(r.Context())
	o.KnownBrowser = d.ID
	return audit.WithOrigin(r.Context(), o)
}

// remember notes that the account signed in in this browser.
func (b *Browser) remember(w http.ResponseWriter, r *http.Request, userID string) {
	now := time.Now()
	d, ok := parseDevice(b.jar.read(r, deviceCookie), b.deviceKeys, now)
	if !ok {
		d = device{ID: rand.Text()}
	}
	b.put(w, d, known{Account: accountMark(userID), Since: now.Unix()})
}

// put writes the cookie with the account first, and what was trusted of it before.
func (b *Browser) put(w http.ResponseWriter, d device, k known) {
	same := func(o known) bool { return o.Account == k.Account }
	if i := slices.IndexFunc(d.Accounts, same); i >= 0 && k.Until == 0 {
		k.Until, k.Epoch = d.Accounts[i].Until, d.Accounts[i].Epoch
	}
	d.Accounts = append([]known{k}, slices.DeleteFunc(d.Accounts, same)...)
	d.Accounts = d.Accounts[:min(len(d.Accounts), maxAccounts)]
	b.jar.write(w, deviceCookie, d.sign(b.deviceKeys[0]), time.Now().Add(deviceLifetime))
}

// Trust notes that the person, who proved both factors just now, wants no second factor in this browser for a while. The permit is the
// one for that (factor.TrustBrowser).
func (b *Browser) Trust(w http.ResponseWriter, r *http.Request, permit factor.Permit, v *Visitor, lifetime time.Duration) error {
	if err := permit.Is(v.UserID, factor.TrustBrowser); err != nil {
		return err
	}
	now := time.Now()
	d, ok := b.deviceOf(w, r, now)
	if !ok {
		d = device{ID: rand.Text()}
	}
	b.put(w, d, known{Account: accountMark(v.UserID), Since: now.Unix(), Until: now.Add(lifetime).Unix(), Epoch: v.UserEpoch})
	return nil
}

// deviceOf is the cookie as this answer sets it, else as it came.
func (b *Browser) deviceOf(w http.ResponseWriter, r *http.Request, now time.Time) (device, bool) {
	for _, line := range w.Header().Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == b.jar.name(deviceCookie) {
			return parseDevice(c.Value, b.deviceKeys, now)
		}
	}
	return parseDevice(b.jar.read(r, deviceCookie), b.deviceKeys, now)
}

// Trusted reports whether the person said so in this browser and nothing has ended everything of theirs since.
func (b *Browser) Trusted(r *http.Request, userID string, epoch int64) bool {
	now := time.Now()
	d, ok := parseDevice(b.jar.read(r, deviceCookie), b.deviceKeys, now)
	mark := accountMark(userID)
	return ok && slices.ContainsFunc(d.Accounts, func(k known) bool {
		return k.Account == mark && k.Epoch == epoch && k.Until > now.Unix()
	})
}

func (d device) sign(key []byte) string {
	body, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings and numbers marshal
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// parseDevice verifies a cookie's value and drops accounts that did not sign in for long; false = not one of ours.
func parseDevice(value string, keys [][]byte, now time.Time) (device, bool) {
	text, signature, _ := strings.Cut(value, ".")
	sum, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || len(sum) != sha256.Size {
		return device{}, false
	}
	if !slices.ContainsFunc(keys, func(key []byte) bool { return hmac.Equal(sum, mac(key, text)) }) {
		return device{}, false
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	var d device
	if err != nil || json.Unmarshal(body, &d) != nil || d.ID == "" {
		return device{}, false
	}
	oldest := now.Add(-deviceLifetime).Unix()
	d.Accounts = slices.DeleteFunc(d.Accounts, func(k known) bool { return k.Since < oldest })
	return d, true
}
