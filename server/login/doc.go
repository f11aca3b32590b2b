// Package login is the state of a sign-in in front of us, loaded once a request, and the one way out of its pages.
//
// It finds out who is here, what they came for and what has been decided (State), asks oauth/flow what comes next, and knows which
// page each step has. It is the only place where a proof becomes a session (Admit, Complete), and the only maker of flow.Seen and of
// factor.Proof for people in a browser. Pages of a sign-in are packages beside it that do not know one another: each loads the State,
// asks whether it is its turn (State.Is), and else goes on to where the dispatcher leads (GoOn).
//
// It shows no pages of its own but that of a request that is over. Begin with Login.Load.
package login
