// Package audit is the log of security facts: who did what to whom, from where, with what outcome.
//
// A fact is written in the transaction of the act it tells of, so that neither exists without the other. The database
// refuses to change a row; only the retention job removes old ones. It is not the operator's log (log/slog) and not a
// counter (metrics): issuing and refreshing tokens writes nothing here. No event holds a secret, a code, a token or what
// a stranger typed into a form.
//
// Both users and oauth import it. Begin with Log.Record and the list of names.
package audit
