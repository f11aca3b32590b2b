package server_test

import "testing"

// TestAdminAPIReadsAQueryAsTheDocumentHasIt: a parameter that is there twice, or has no value where the document wants a time, a number or
// one of some words, or cannot be read, is refused, not passed over; an empty text is one.
func TestAdminAPIReadsAQueryAsTheDocumentHasIt(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	for _, query := range []string{
		"/people?created_since=", "/people?limit=", "/people?disabled=", "/events?since=", "/events?outcome=", "/events:export?since=",
		"/people?limit=1&limit=2", "/people?search=a&search=b", "/events?since=2026-01-01T00:00:00Z&since=2027-01-01T00:00:00Z",
		"/people?search=%zz", "/people?search=a;limit=1",
	} {
		d.want(422, "GET "+query, nil)
	}
	for _, query := range []string{"/people?search=", "/people?limit=1&search=a", "/people", "/events?since=2026-01-01T00:00:00Z"} {
		d.want(200, "GET "+query, nil)
	}
}
