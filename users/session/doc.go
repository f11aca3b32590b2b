// Package session owns the browsers in which people are signed in: it starts, finds, renews and ends sessions.
//
// A session has a public id (the sid claim), which stays while the person stays the same, and a secret of 256 bits that
// lives in the browser's cookie, of which the database holds only the SHA-256. Each sign-in makes a new secret and kills
// the old one; a secret we did not make is never adopted. A session ends by sign-out, after the idle limit or at its
// absolute end; ending it by an act revokes its grants that are not offline, its mere expiry revokes none.
//
// It knows no cookies and no HTTP: server/browser does. Begin with Sessions.Start and Sessions.Find.
package session
