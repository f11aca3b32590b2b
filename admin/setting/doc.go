// Package setting keeps settings in the database that the configuration can have as well: providers where people sign in. What the
// configuration declares wins; a server takes up what is kept beside it, secrets sealed with the master key. Begin with Read, which a
// server starts by, and Service.ChangeUpstream, which changes one.
package setting
