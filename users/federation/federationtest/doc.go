// Package federationtest has upstreams for tests: servers on this machine that answer as the real ones do, with their documented
// addresses, fields, errors and signatures, and a page on which a person (a browser, or Upstream.Answer) says who they are.
//
// Upstream is what all share: accounts, the page, the requests that came, and what can be wrong with a server (Down, Slow,
// Fail). The kinds are made by NewGoogle, NewOIDC and the like, each in its file. Nothing here is for production.
package federationtest
