// Package ratelimit slows guessing down without ever locking anybody out: it counts failures in limits (by account, by network,
// by known browser, by the whole server) whose rows all replicas share.
//
// A try is charged to its limits before the costly check and refunded when it succeeds, so that any number of tries at once
// cannot run past a limit. Once a limit's free tries are used up, whoever tries must wait; the wait doubles with each
// further failure up to a maximum. Tries made while waiting are answered at once, count for nothing and do not make the
// wait longer, so nobody can keep another waiting forever, and a promised Retry-After is kept. Only a limit that says so
// (Limit.Cap) turns everybody away from some number on; its user must know another way in.
//
// It knows nothing of passwords or of HTTP. Begin with Limiter.Charge.
package ratelimit
