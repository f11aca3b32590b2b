// Package status tells APIs that ask nobody which access tokens were revoked (IETF Token Status List). A token names its place in a list;
// the list is a signed document with a bit for each place, which every API fetches for itself. A request for a token costs nothing: a grant
// has its place in its row, where it gets one when it is made, and a client that acts for itself has one that is kept in memory.
//
// A bit matters only while an access token of its place may live, so the lists have what ended of late, and are small. They are made when
// somebody asks for one, and at most every two seconds: every replica reads for itself what was revoked since it read last.
//
// Begin reading with Lists.Serve; how places are given is in places.go.
package status
