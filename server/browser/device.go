package browser

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The device cookie says which accounts signed in in this browser before. It proves nothing about who sits there now; it
// only gives the browser a budget of its own for wrong passwords, so that strangers who guess at an account cannot keep
// its owner out (security notes F02).
type device struct {
	ID       string  `json:"d"` // random; counters of the budget are kept by it
	Accounts []known `json:"a"` // last one first
}

type known struct {
	Account string `json:"u"` // shortened hash of the user id
	Since   int64  `json:"t"` // unix seconds of the last sign-in
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

// remember notes that the account signed in in this browser.
func (b *Browser) remember(w http.ResponseWriter, r *http.Request, userID string) {
	now := time.Now()
	d, ok := parseDevice(b.jar.read(r, deviceCookie), b.deviceKeys, now)
	if !ok {
		d = device{ID: rand.Text()}
	}
	mark := accountMark(userID)
	rest := slices.DeleteFunc(d.Accounts, func(k known) bool { return k.Account == mark })
	d.Accounts = append([]known{{mark, now.Unix()}}, rest...)
	d.Accounts = d.Accounts[:min(len(d.Accounts), maxAccounts)]
	b.jar.write(w, deviceCookie, d.sign(b.deviceKeys[0]), now.Add(deviceLifetime))
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
