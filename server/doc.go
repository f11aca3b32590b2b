// Package server is the front door: it wires the wings together, mounts the rooms and listens. Its sub-packages are the
// rooms, which turn HTTP into calls on the wings and answers into pages or JSON.
//
// # The map of the house
//
// An authorization server introduces people to applications by way of a protocol. Three wings, one word each:
//
//   - users: people. Who they are, how they prove it, which browsers are signed in.
//   - clients: applications. Who they are, where they may be sent back to.
//   - oauth: the protocol. Requests in progress, grants, codes and tokens, keys, claims, consent.
//
// People and protocol never import each other; they meet here. Everything stands on storage; audit writes down what
// happened; internal holds plumbing that knows nothing of OAuth. Arrows go down, and internal/archtest says so:
//
//	cmd/signet
//	server   (rooms that speak HTTP, pages, the wiring)
//	oauth    (protocol)
//	users    (people)        clients   (applications)
//	audit                    internal  (seal, rate limit, janitor, telemetry)
//	storage                  templates              config
//
// # Where to begin
//
// server.go opens the house: storage, master key, the wings. people.go and protocol.go build each wing's services,
// rooms.go is the one list of rooms, jobs.go the timetable, run.go the listeners and the graceful end. Then follow one
// authorization request: server/authorize, oauth/flow (what comes next), server/login (what is known), server/signin,
// server/consent, back at server/authorize, and server/token. docs/walk.md tells it as a story.
package server
