// Package apikey has fixed keys for the API of administrators, for programs that can only send one header, always the same. A key belongs
// to a client, whose registration bounds what it permits, and ends by itself. Begin with Make and Find.
package apikey

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"signet/storage"
)

// Prefix begins every key, so that scanners for secrets know one: sgnk_ID_SECRET.
const Prefix = "sgnk_"

const (
	most        = 2                    // keys of a client that are good at once: one, and the one that replaces it
	Longest     = 365 * 24 * time.Hour // that one is good
	soon        = 14 * 24 * time.Hour  // before its end whoever looks is warned
	mostNets    = 20
	longestName = 100
	longestKey  = 200
	notedEvery  = time.Hour // a use is noted once in it
)

// Key is what is shown of a key: everything but itself.
type Key struct {
	ID          string    `json:"id"`
	ClientID    string    `json:"client_id"`
	Name        string    `json:"name"`
	Permissions []string  `json:"permissions"`
	Networks    []string  `json:"networks,omitempty"` // where it is taken from; empty: anywhere
	CreatedBy   string    `json:"created_by"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	LastUsedAt  time.Time `json:"last_used_at,omitzero"` // to the hour
}

// Errors callers branch on with errors.Is.
var (
	// ErrUnknown: there is no such key, or none that is good from there.
	ErrUnknown = errors.New("unknown API key")
	// ErrInvalid: what was asked for is wrong; its text begins with the field.
	ErrInvalid = errors.New("invalid")
	// ErrMany: the client has as many as it may.
	ErrMany = fmt.Errorf("the app has %d keys that are good already: revoke one first", most)
)

// Store is *storage.DB.
type Store interface {
	InsertAPIKey(ctx context.Context, id, clientID string, slot int, hash string, data []byte, expires time.Time) error
	APIKey(ctx context.Context, id string) (hash string, data []byte, used time.Time, err error)
	TouchAPIKey(ctx context.Context, id string, now, since time.Time) error
	DeleteAPIKey(ctx context.Context, id string) error
	DeleteOldAPIKeys(ctx context.Context, clientID string, now time.Time) error
}

// Lists is *storage.DB.
type Lists interface {
	APIKeys(ctx context.Context, after string, limit int, each func(data []byte, used time.Time)) error
	APIKeysOf(ctx context.Context, clientID string, each func(data []byte, used time.Time)) error
	APIKeysUntil(ctx context.Context, now, until time.Time, limit int, each func(data []byte, used time.Time)) error
}

// Service makes, finds and ends keys.
type Service struct {
	Store Store
	Lists Lists
}

// Is reports whether a text in the place of an access token is meant as a key.
func Is(text string) bool { return strings.HasPrefix(text, Prefix) }

// mistake is ErrInvalid, and says of what.
type mistake string

func (m mistake) Error() string        { return string(m) }
func (m mistake) Is(target error) bool { return target == ErrInvalid }

func wrong(field, text string) error { return mistake(field + ": " + text) }

// Make makes a key of a client. k says name, permissions, networks, end and maker; the text of the key is returned this once. Run it in a
// transaction.
func (s Service) Make(ctx context.Context, k Key) (made Key, text string, err error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	if k.ExpiresAt.IsZero() {
		return k, "", wrong("expires_at", "say when the key ends")
	}
	k.ExpiresAt = k.ExpiresAt.UTC().Truncate(time.Second)
	switch k.Name = strings.TrimSpace(k.Name); {
	case k.Name == "" || utf8.RuneCountInString(k.Name) > longestName || strings.ContainsFunc(k.Name, func(c rune) bool { return c < ' ' }):
		return k, "", wrong("name", fmt.Sprintf("say what the key is for, in 1 to %d characters", longestName))
	case len(k.Permissions) == 0:
		return k, "", wrong("permissions", "say what the key permits")
	case !k.ExpiresAt.After(now) || k.ExpiresAt.After(now.Add(Longest+time.Minute)):
		return k, "", wrong("expires_at", fmt.Sprintf("a key ends within %d days", int(Longest/(24*time.Hour))))
	}
	if k.Networks, err = networks(k.Networks); err != nil {
		return k, "", err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	k.ID, k.CreatedAt, k.LastUsedAt = strings.ToLower(rand.Text()[:16]), now, time.Time{}
	text = Prefix + k.ID + "_" + base64.RawURLEncoding.EncodeToString(secret)
	data, err := json.Marshal(k)
	if err != nil {
		return k, "", fmt.Errorf("write an API key: %w", err)
	}
	if err := s.Store.DeleteOldAPIKeys(ctx, k.ClientID, now); err != nil {
		return k, "", fmt.Errorf("clear API keys: %w", err)
	}
	for slot := range most {
		err := s.Store.InsertAPIKey(ctx, k.ID, k.ClientID, slot, hash(text), data, k.ExpiresAt)
		if err == nil {
			return k, text, nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			return k, "", fmt.Errorf("write an API key: %w", err)
		}
	}
	return k, "", ErrMany
}

// networks reads prefixes, and addresses as those of one.
func networks(list []string) (all []string, err error) {
	if len(list) > mostNets {
		return nil, wrong("networks", fmt.Sprintf("there are more than %d", mostNets))
	}
	for i, text := range list {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			a, err := netip.ParseAddr(strings.TrimSpace(text))
			if err != nil || a.Zone() != "" {
				return nil, wrong(fmt.Sprintf("networks[%d]", i), "is no address and no network like 192.0.2.0/24")
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if all = append(all, p.Masked().String()); p.Addr().Is4In6() {
			return nil, wrong(fmt.Sprintf("networks[%d]", i), "write an IPv4 network as one")
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// hash is what is kept: a key is 256 random bits, so that nobody finds it by its hash.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Find judges a key that was sent from an address, and notes its use. ErrUnknown says nothing more to whoever guesses; the cause is for the
// log.
func (s Service) Find(ctx context.Context, text string, from netip.Addr) (Key, error) {
	id, _, ok := strings.Cut(strings.TrimPrefix(text, Prefix), "_")
	if !ok || len(text) > longestKey || !utf8.ValidString(id) || strings.Contains(id, "\x00") {
		return Key{}, fmt.Errorf("%w: it has not the form of one", ErrUnknown)
	}
	kept, data, used, err := s.Store.APIKey(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return Key{}, ErrUnknown
	}
	if err != nil {
		return Key{}, fmt.Errorf("read an API key: %w", err)
	}
	if !hmac.Equal([]byte(kept), []byte(hash(text))) {
		return Key{}, fmt.Errorf("%w: not the secret of %s", ErrUnknown, id)
	}
	k, err := parse(data, used)
	if err != nil {
		return Key{}, err
	}
	now := time.Now()
	if !now.Before(k.ExpiresAt) {
		return Key{}, fmt.Errorf("%w: %s has expired", ErrUnknown, id)
	}
	if !k.from(from) {
		return Key{}, fmt.Errorf("%w: %s is not taken from this network", ErrUnknown, id)
	}
	if now.Sub(used) >= notedEvery {
		if err := s.Store.TouchAPIKey(ctx, id, now, now.Add(-notedEvery)); err != nil {
			return Key{}, fmt.Errorf("note the use of an API key: %w", err)
		}
	}
	return k, nil
}

func (k Key) from(a netip.Addr) bool {
	return len(k.Networks) == 0 || slices.ContainsFunc(k.Networks, func(text string) bool {
		p, err := netip.ParsePrefix(text)
		return err == nil && p.Contains(a.Unmap())
	})
}

func parse(data []byte, used time.Time) (k Key, err error) {
	if err := json.Unmarshal(data, &k); err != nil {
		return k, fmt.Errorf("read an API key: %w", err)
	}
	if !used.IsZero() {
		k.LastUsedAt = used.UTC()
	}
	return k, nil
}

// Get is one, also where it has expired; ErrUnknown.
func (s Service) Get(ctx context.Context, id string) (Key, error) {
	_, data, used, err := s.Store.APIKey(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return Key{}, ErrUnknown
	}
	if err != nil {
		return Key{}, fmt.Errorf("read an API key: %w", err)
	}
	return parse(data, used)
}

// End makes one worth nothing, at once and everywhere; ErrUnknown.
func (s Service) End(ctx context.Context, id string) error {
	if err := s.Store.DeleteAPIKey(ctx, id); errors.Is(err, storage.ErrNotFound) {
		return ErrUnknown
	} else if err != nil {
		return fmt.Errorf("end an API key: %w", err)
	}
	return nil
}

// Of are those of a client, expired ones among them until they are cleared.
func (s Service) Of(ctx context.Context, clientID string) ([]Key, error) {
	return listed(func(each func(data []byte, used time.Time)) error { return s.Lists.APIKeysOf(ctx, clientID, each) })
}

// All are those after an id.
func (s Service) All(ctx context.Context, after string, limit int) ([]Key, error) {
	return listed(func(each func(data []byte, used time.Time)) error { return s.Lists.APIKeys(ctx, after, limit, each) })
}

// Ending are those that end soon, the next first, at most limit of them.
func (s Service) Ending(ctx context.Context, limit int) ([]Key, error) {
	now := time.Now()
	return listed(func(each func(data []byte, used time.Time)) error {
		return s.Lists.APIKeysUntil(ctx, now, now.Add(soon), limit, each)
	})
}

func listed(read func(each func(data []byte, used time.Time)) error) ([]Key, error) {
	list := []Key{}
	var first error
	err := read(func(data []byte, used time.Time) {
		k, err := parse(data, used)
		list = append(list, k)
		first = errors.Join(first, err)
	})
	if err = errors.Join(err, first); err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return list, nil
}
