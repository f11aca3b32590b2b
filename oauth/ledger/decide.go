package ledger

import (
	"time"

	"signet/storage"
)

// Verdict is what a presented refresh token amounts to.
type Verdict int

// The verdicts.
const (
	Reuse    Verdict = iota // spent before: somebody else may have it, the grant is revoked (RFC 9700 section 4.14.2)
	Replayed                // spent a moment ago: the same successor again, nothing is written
	Rotate                  // the current one: the next generation is issued
	Keep                    // the current one of a client whose tokens are not rotated: the same again
	Resync                  // ahead of the row, which was restored or failed over: issue, and let the row catch up
)

// Decide judges the refresh token of generation gen against its row at now. It is pure, so that both engines and every
// replica decide alike. Grace is how long after a rotation the predecessor still gets the same successor (lost answers,
// two tabs, two replicas); 0 is off. It ends as soon as the successor was used. The row's other facts (revoked, expired) are
// not judged here.
func Decide(row storage.Grant, gen int64, now time.Time, grace time.Duration) Verdict {
	age := max(0, now.Sub(row.RotatedAt)) // another replica's clock may be ahead of ours
	switch {
	case gen > row.Generation:
		return Resync
	case gen == row.Generation:
		return Rotate
	case gen == row.Generation-1 && age < grace:
		return Replayed
	}
	return Reuse
}
