package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"signet/audit"
	"signet/server/web"
	"signet/storage"
)

// Which sign-in in progress gives way (rule V06). A row is held by the browser that showed a cookie when it began, else by the
// client's address, which may have only fewRows of those: at the next one the browser has to show the cookie it was given. Of a
// network's rows, of which one address may have two thirds and those without a cookie one, the holder with most loses its oldest; what
// was posted goes last; within youngFor nobody loses one who has fewer than fewRows. A browser that somebody signed in with before is never
// refused for what others in its network began.
const (
	fewRows  = 4
	youngFor = 10 * time.Minute
	evictFor = 3 // rows that may go for one that comes, where others take the place that was made
)

// ErrCookieFirst is the cause of Begin's error where a browser has to show that it keeps cookies before anything is stored: send it to
// the same address once more.
var ErrCookieFirst = errors.New("the browser has to show its cookie first")

// CookieShown marks a request that was sent to its own address once more, so that the browser shows the cookie it was given.
const CookieShown = "signet_cookie"

// holder is who a row is counted for.
type holder struct {
	name    string
	address string
	cookie  bool // it showed a cookie of ours
	known   bool // its device cookie is one of ours
}

func (b *Browser) holder(r *http.Request, origin audit.Origin) holder {
	h := holder{address: origin.Host(), cookie: b.Bound(r)}
	if d, ok := parseDevice(b.jar.read(r, deviceCookie), b.deviceKeys, time.Now()); ok {
		h.name, h.cookie, h.known = "d:"+hash(d.ID), true, true
		return h
	}
	h.name = "a:" + h.address
	if secret := b.jar.read(r, browserCookie); secret != "" {
		h.name = "b:" + hash(secret)
	} else if secret := b.jar.read(r, sessionCookie); secret != "" {
		h.name = "b:" + hash(secret)
	}
	return h
}

// bounds are how many live rows there may be with a new one; 0 = no such bound.
type bounds struct{ network, address, holder int }

// insert writes the row, for which others may have to give way.
func (b *Browser) insert(ctx context.Context, row storage.Interaction, who holder) error {
	most := bounds{network: b.max, address: max(1, b.max*2/3)}
	if !who.cookie {
		most.network, most.holder = max(1, b.max/2), fewRows
	}
	err := b.quota.admit(ctx, row.Network, row.CreatedAt)
	if err == nil {
		err = b.squeeze(ctx, row, who, most)
	}
	if errors.Is(err, storage.ErrTooMany) && who.known {
		err = b.store.InsertInteraction(ctx, row, 0, 0, fewRows)
	}
	switch {
	case errors.Is(err, storage.ErrTooMany) && !who.cookie:
		return &web.PageError{Status: http.StatusBadRequest, Kind: "cookies", Cause: ErrCookieFirst}
	case errors.Is(err, storage.ErrTooMany):
		return &web.PageError{Status: http.StatusTooManyRequests, Kind: "too_many", RetryAfter: time.Minute, Cause: err}
	case err != nil:
		return fmt.Errorf("begin interaction: %w", err)
	}
	b.quota.came(row.Network)
	return nil
}

// squeeze writes the row within the bounds, for which others of its network may give way if its browser showed a cookie.
func (b *Browser) squeeze(ctx context.Context, row storage.Interaction, who holder, most bounds) error {
	err := b.store.InsertInteraction(ctx, row, most.network, most.address, most.holder)
	for range evictFor {
		if !who.cookie || !errors.Is(err, storage.ErrTooMany) {
			return err
		}
		n, gone := b.bounds.EvictInteractions(ctx, row, row.CreatedAt.Add(-youngFor), most.address, 1)
		if gone != nil {
			return gone
		}
		if n == 0 {
			return err
		}
		b.quota.left(row.Network)
		err = b.store.InsertInteraction(ctx, row, most.network, most.address, most.holder)
	}
	return err
}
