// Package setting keeps settings in the database that the configuration can have as well: providers where people sign in, how pages look,
// the mail server. What the configuration declares wins; a server takes up what is kept beside it, secrets sealed with the master key.
// Begin with Read, which a server starts by, and Service.ChangeUpstream and Service.ChangeSection, which change one.
package setting
