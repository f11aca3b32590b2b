// Package admin has what administrators do, each act once: the HTTP API, the console and the command line call the same methods.
//
// Every act is one method of Service. It asks whether the actor has the permission that the table in permission.go demands, then
// the rules of guard.go (nobody gives what they do not hold, nobody acts on somebody or something that holds more, an administrator
// is left), acts and records in one transaction, and answers with a view. What is refused leaves an event and changes nothing.
// Begin reading with Service and permission.go.
package admin
