// Package archtest keeps the rules of the code (docs/architecture.md): who may import whom, what is forbidden everywhere,
// how long a function and a file may be, that everything exported is explained.
//
// It has tests only. A law is a line of data with its reason, which the failing test prints. Begin with the tables in
// laws_test.go.
package archtest
