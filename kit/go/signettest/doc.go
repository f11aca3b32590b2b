// Package signettest gives a test a Signet of its own: the real program, in memory, on this machine, for the time of the test.
//
// Nothing of the server is imitated here: Start runs `signet dev`, and what signs in is a browser without scripts. Begin with Start.
package signettest
