package kit

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Status says what is done with tokens that name their place in a status list (IETF Token Status List). All zero: the lists are fetched,
// and a token that was revoked is refused within 15 seconds, for no call in a request.
type Status struct {
	// Off takes tokens until they end, revoked or not.
	Off bool
	// Lenient takes tokens, too, while their list cannot be had and the one of before is over. Else they are refused with 503: nobody knows.
	Lenient bool
}

const (
	ahead      = 2 * time.Second  // before a list is too old, it is fetched anew, beside the requests
	retry      = time.Second      // between two tries of a list
	patience   = 10 * time.Second // after a try that failed, in which requests do not wait for the next one
	shortest   = 3 * time.Second  // that a list is used, whatever its ttl says
	longest    = 60 * time.Second // …
	mostLists  = 1000             // lists at a time
	mostStatus = 1 << 20          // bytes of a list
)

// place is a token's, in a status list.
type place struct {
	uri   string
	index int64
}

// places are those of a token and of who acts in it (RFC 8693). All must be good.
func places(c *claims) (list []place, err error) {
	for i, raw := range append([]json.RawMessage{c.Status}, c.ActStatus...) {
		if i == 0 && raw == nil {
			continue
		}
		var s struct {
			List *struct {
				Index *float64 `json:"idx"` // 1.0 is 1 (RFC 8259 section 6)
				URI   string   `json:"uri"`
			} `json:"status_list"`
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("%w: status: %w", ErrMalformed, err)
		}
		if s.List == nil || s.List.Index == nil || !whole(*s.List.Index) || s.List.URI == "" {
			return nil, fmt.Errorf("%w: a status without its place in a status_list", ErrMalformed)
		}
		list = append(list, place{s.List.URI, int64(*s.List.Index)})
	}
	return list, nil
}

// whole numbers are those that every reader of JSON takes for the same (RFC 8259 section 6), and none is negative.
func whole(n float64) bool { return n >= 0 && n < 1<<53 && n == math.Trunc(n) }

// statusLists are the lists that tokens named.
type statusLists struct {
	mu    sync.Mutex
	lists map[string]*statusList
}

// statusList is one of them. While it is young, a request costs the look at a bit; then it is fetched beside the requests, and when it is
// too old, before they are answered.
type statusList struct {
	bits    []byte
	size    int64 // bits of a place
	got     time.Time
	issued  time.Time
	ttl     time.Duration
	expires time.Time
	tried   time.Time
	used    time.Time
	err     error         // of the last fetch
	failed  time.Time     // when it failed; zero = it did not
	flight  chan struct{} // closed when the fetch that is under way ends
}

// current refuses a token that was revoked.
func (a *API) current(ctx context.Context, t *Token) error {
	if a.o.Status.Off {
		return nil
	}
	for _, p := range t.places {
		value, err := a.status(ctx, p)
		switch {
		case errors.Is(err, ErrUnavailable) && a.o.Status.Lenient:
			a.warn(ctx, err)
		case err != nil:
			return err
		case value != 0:
			return fmt.Errorf("%w: its place in the status list says %d", ErrInactive, value)
		}
	}
	return nil
}

// warn tells the log that a token was taken of which nobody knows.
func (a *API) warn(ctx context.Context, err error) {
	if a.o.Logger != nil {
		a.o.Logger.WarnContext(ctx, "access token taken without its status", "error", err)
	}
}

// status is what the list says of a place: 0 = good.
func (a *API) status(ctx context.Context, p place) (int64, error) {
	if !below(a.issuer, p.uri) {
		return 0, fmt.Errorf("%w: the status list %.200q is not the issuer's", ErrMalformed, p.uri)
	}
	value, flight, err := a.look(ctx, p, false)
	if flight == nil {
		return value, err
	}
	select {
	case <-flight:
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	value, _, err = a.look(ctx, p, true)
	return value, err
}

// look is status without waiting: the flight is what may bring the list, nil if there is nothing to wait for. Whoever waited takes what
// there is: an issuer that does not answer must not hold up every request, as long as the list of before counts.
func (a *API) look(ctx context.Context, p place, waited bool) (value int64, flight chan struct{}, err error) {
	l := &a.statuses
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	one := l.of(p.uri, now)
	age := now.Sub(one.got)
	if !waited && (one.bits == nil || age >= one.ttl-min(ahead, one.ttl/2)) {
		a.fetch(ctx, one, p.uri, now)
	}
	counts := one.bits != nil && now.Before(one.expires)
	switch {
	case one.bits != nil && age < one.ttl:
	case one.flight != nil && !waited && !(counts && now.Sub(one.failed) < patience):
		return 0, one.flight, nil
	case !counts:
		return 0, nil, fmt.Errorf("%w: the status list %.200q: %w", ErrUnavailable, p.uri, cmp.Or(one.err, errors.New("it is over")))
	}
	value, err = one.at(p.index)
	return value, nil, err
}

// of finds a list, or makes one. What nobody asks for is forgotten.
func (l *statusLists) of(uri string, now time.Time) *statusList {
	one := l.lists[uri]
	if one == nil {
		if l.lists == nil {
			l.lists = map[string]*statusList{}
		}
		if len(l.lists) >= mostLists {
			oldest := ""
			for u, old := range l.lists {
				if oldest == "" || old.used.Before(l.lists[oldest].used) {
					oldest = u
				}
			}
			delete(l.lists, oldest)
		}
		one = &statusList{}
		l.lists[uri] = one
	}
	one.used = now
	return one
}

// fetch begins a fetch unless one is under way, or the last one was a moment ago.
func (a *API) fetch(ctx context.Context, one *statusList, uri string, now time.Time) {
	if one.flight != nil || !one.tried.IsZero() && now.Sub(one.tried) < retry {
		return
	}
	one.tried = now
	done := make(chan struct{})
	one.flight = done
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		fetched, err := a.fetched(ctx, uri, now)
		a.statuses.mu.Lock()
		defer a.statuses.mu.Unlock()
		if err == nil && fetched.issued.Before(one.issued) && now.Before(one.expires) {
			// a cache, or a replica that cannot read its database: what it does not know of yet was revoked all the same
			err = errors.New("it is older than the one before")
		}
		if one.err, one.failed = err, time.Now(); err == nil {
			one.failed = time.Time{}
			one.bits, one.size, one.got, one.ttl, one.expires = fetched.bits, fetched.size, fetched.got, fetched.ttl, fetched.expires
			one.issued = fetched.issued
		}
		one.flight = nil
		close(done)
	}()
}

// fetched gets a list and verifies it: signed by the issuer, for this address, not over.
func (a *API) fetched(ctx context.Context, uri string, now time.Time) (l statusList, err error) {
	raw, err := a.keys.source.getAs(ctx, uri, "application/statuslist+jwt")
	if err != nil {
		return l, err
	}
	payload, err := a.opened(ctx, strings.TrimSpace(string(raw)), "statuslist+jwt")
	if err != nil {
		return l, fmt.Errorf("verify: %w", err)
	}
	var c struct {
		Subject  string  `json:"sub"`
		Issuer   string  `json:"iss"`
		IssuedAt *moment `json:"iat"`
		Expires  *moment `json:"exp"`
		TTL      *moment `json:"ttl"`
		List     struct {
			Bits float64 `json:"bits"`
			List string  `json:"lst"`
		} `json:"status_list"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return l, err
	}
	l = statusList{size: int64(min(c.List.Bits, 9)), got: now, ttl: longest, expires: now.Add(24 * time.Hour)}
	if c.TTL != nil {
		l.ttl = min(max(time.Duration(*c.TTL*moment(time.Second)), shortest), longest)
	}
	if c.Expires != nil {
		l.expires = c.Expires.time().Add(a.o.Past)
	}
	switch {
	case c.Subject != uri:
		return l, fmt.Errorf("it is about %.200q", c.Subject)
	case c.Issuer != "" && c.Issuer != a.issuer:
		return l, fmt.Errorf("it is of the issuer %.200q", c.Issuer)
	case c.IssuedAt == nil || c.IssuedAt.time().After(now.Add(a.o.Ahead)):
		return l, errors.New("it has no iat, or one that is ahead")
	case !now.Before(l.expires):
		return l, errors.New("it is over")
	case !slices.Contains([]float64{1, 2, 4, 8}, c.List.Bits):
		return l, fmt.Errorf("places of %v bits", c.List.Bits)
	}
	l.issued = c.IssuedAt.time()
	l.bits, err = inflate(c.List.List)
	return l, err
}

// inflate reads lst: base64url of zlib with nothing behind it, of a bounded size.
func inflate(lst string) ([]byte, error) {
	packed, err := base64.RawURLEncoding.DecodeString(lst)
	if err != nil {
		return nil, err
	}
	in := bytes.NewReader(packed)
	r, err := zlib.NewReader(in)
	if err != nil {
		return nil, err
	}
	bits, err := io.ReadAll(io.LimitReader(r, mostStatus+1))
	if err == nil && (len(bits) > mostStatus || len(bits) == 0) {
		err = errors.New("a list without places, or of more than 1 MiB")
	}
	if err == nil && in.Len() > 0 {
		err = errors.New("there is something behind the list")
	}
	return bits, err
}

// at is the value of a place, the least significant bits first.
func (l *statusList) at(index int64) (int64, error) {
	perByte := 8 / l.size
	if index/perByte >= int64(len(l.bits)) {
		return 0, fmt.Errorf("%w: the status list has no place %d", ErrMalformed, index)
	}
	return int64(l.bits[index/perByte]) >> (index % perByte * l.size) & (1<<l.size - 1), nil
}

// below reports whether an address is the issuer's: a good token cannot make the API fetch what it names.
func below(issuer, address string) bool {
	base := strings.TrimRight(issuer, "/") + "/"
	u, err := url.Parse(address)
	return err == nil && strings.HasPrefix(address, base) && len(address) <= 2048 && u.User == nil && u.Fragment == "" &&
		!strings.Contains(u.Path, "..") && safe(address)
}
