// Package server is the HTTP server: it builds the services, mounts the handlers and listens. Its sub-packages are the
// handlers, which turn HTTP into calls on the services and answers into pages or JSON.
//
// # The map
//
// An authorization server introduces people to applications by way of a protocol. Each has its packages:
//
//   - users: people. Who they are, how they prove it, which browsers are signed in.
//   - clients: applications. Who they are, where they may be sent back to.
//   - oauth: the protocol. Requests in progress, grants, codes and tokens, keys, claims, consent.
//
// People and protocol never import each other; they meet here. Everything uses storage; audit writes down what
// happened; internal holds plumbing that knows nothing of OAuth. Arrows go down, and internal/archtest says so:
//
//	cmd/signet
//	server   (handlers, pages, the wiring)
//	oauth    (protocol)
//	users    (people)        clients   (applications)
//	audit                    internal  (seal, rate limit, janitor, telemetry)
//	storage                  templates              config
//
// # Where to begin
//
// server.go opens storage, master key and services. people.go and protocol.go build them,
// handlers.go is the one list of handlers, jobs.go the timetable, run.go the listeners and the graceful end. Then follow one
// authorization request: server/authorize, oauth/flow (what comes next), server/login (what is known), server/signin,
// server/consent, back at server/authorize, and server/token. docs/walk.md tells it as a story.
package server
