package mail

import (
	"context"
	"errors"
	"time"

	"signet/internal/ratelimit"
)

// Request is an email that somebody asks for, as the budgets count it (D07). Notices of what happened to an account are
// asked for by nobody and have no budget.
type Request struct {
	Kind    string // what is asked for
	Class   string // kinds of one class share what strangers may ask for to one address; "" = Kind
	Address string // stands for the address it goes to; "" = the asker's own
	Network string // of the asker
	Browser string // id under which the asker's browser is known to the account; "" = unknown
	Owner   string // id of the person who asks, where that is known; "" = a stranger
}

// What may be asked for. Each budget is filled only by those whom it is for: strangers never use up a known browser's, nor what people do
// in their own account, nor one class of emails another's.
const (
	perNetworkAndKind = 3  // an hour, to one address
	perClass          = 6  // an hour, to one address, by all strangers
	perClassDay       = 10 // a day
	perAddress        = 10 // an hour, to one address, by all strangers
	perNetwork        = 20 // an hour, to all addresses, by all strangers of a network
	perKnownBrowser   = 3  // an hour, of a kind, asked for in a browser that is known to the account
	perOwner          = 5  // an hour, of a kind, to the person who asks in their own account, for each network
	perOwnerInAll     = 15 // an hour, of a kind, whatever the network
)

// limits are the budgets that a request is counted in.
func (r Request) limits() []ratelimit.Limit {
	class := r.Class
	if class == "" {
		class = r.Kind
	}
	var list []ratelimit.Limit
	add := func(free int64, window time.Duration, key string) {
		list = append(list, ratelimit.Limit{Key: "mail " + key, Free: free, Cap: free, Window: window, OnSuccess: ratelimit.Never})
	}
	const day = 24 * time.Hour
	if r.Owner != "" {
		add(perOwner, time.Hour, "own "+r.Kind+" "+r.Owner+" "+r.Network)
		add(perOwnerInAll, time.Hour, "own "+r.Kind+" "+r.Owner)
	}
	if r.Address == "" {
		return list
	}
	if r.Browser != "" {
		add(perKnownBrowser, time.Hour, "browser "+r.Kind+" "+r.Address+" "+r.Browser)
		return list
	}
	add(perNetworkAndKind, time.Hour, "kind "+r.Kind+" "+r.Address+" "+r.Network)
	add(perClass, time.Hour, "class "+class+" "+r.Address)
	add(perClassDay, day, "class day "+class+" "+r.Address)
	add(perAddress, time.Hour, "hour "+r.Address)
	add(perNetwork, time.Hour, "network "+r.Network)
	return list
}

// Allowed reports whether the email may be sent, and counts it. Where it may not, the asker sees the same page and no email goes out.
func (o *Outbox) Allowed(ctx context.Context, r Request) (bool, error) {
	_, err := o.limits.Charge(ctx, r.limits()...)
	if errors.Is(err, ratelimit.ErrCapped) {
		return false, nil
	}
	return err == nil, err
}
