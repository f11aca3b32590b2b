// Package backup is what a backup is: the file's format, its encryption, where it is kept and how many are.
//
// A file is a gzipped tar of a manifest and the parts it lists, with their SHA-256: the database, the settings in force without secrets,
// and, where the operator wants it, the master key. It is encrypted by age (age-encryption.org/v1) to recipients or under a passphrase;
// where it is not, a SHA-256 ends the file. Either way no byte can change unnoticed.
//
// It neither opens a database nor knows what is in one: package server makes, verifies and restores. Begin with Write and Read.
package backup
