// Package recovery owns how people get in again who have lost their second factor and their recovery codes.
//
// Whoever has made the first step of a sign-in types a code that is mailed to the verified address, and then waits some days.
// An email at the beginning says so and has a link that stops it; so does any sign-in with two factors, and whatever ends
// everything of the person (a new password, "this was not me"). When the time is over a link is mailed that removes the
// factors; it signs nobody in. A forgotten password is not its matter (users.Service). It knows no HTTP.
//
// Event names ("wayback.started"), ticket purposes and the name of the job keep the word of the first release, because they
// are stored and published.
//
// Begin with Service.Start and Service.Finish.
package recovery
