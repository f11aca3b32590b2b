package quota

import "strings"

// How many rows may wait: of a client that proved to be itself, of a public client from one network, and of all; and how many bytes all of
// them may have.
const (
	perClient  = 1_000
	perNetwork = 50
	perServer  = 20_000
	maxBytes   = 64 << 20
)

// Owner of the rows of a client, and how many it may have. The network is the caller's where the client did not prove to be itself; else
// "".
func Owner(clientID, network string) (owner string, share int) {
	if network == "" {
		return clientID + " ", perClient
	}
	return clientID + " " + network, perNetwork
}

// weight of an owner's row: a share of perNetwork fills as fast as one of perClient.
func weight(owner string) int {
	if strings.HasSuffix(owner, " ") {
		return 1
	}
	return perClient / perNetwork
}

// network of an owner; "" = it is a client's that proved to be itself.
func network(owner string) string { return owner[strings.LastIndexByte(owner, ' ')+1:] }

// OfApps makes the quota of what apps leave to wait, whose owners are those of Owner. evicted counts one that gave way.
func OfApps(b Bounds, evicted func()) *Quota {
	return New(Options{Bounds: b, Rows: perServer, Bytes: maxBytes, Weight: weight, Network: network, Evicted: evicted})
}
