// Package breach asks whether a password is known from a breach: a local file in the form of the well-known corpus (File), or
// a server that is told the first five letters of the password's SHA-1 only (Range). Both are password.List.
package breach
