// Package importer owns how people of another product become accounts here: it reads the file (file.go) and writes the people
// (importer.go).
//
// A file has one person each line, as JSON or CSV, however many. What it says is checked like what a form says: which addresses,
// user names and claims are allowed is decided by users, which password hashes can be taken over by users/password. Nobody who
// is here already is ever taken over by a file.
//
// Begin with Read and Importer.Batch.
package importer
