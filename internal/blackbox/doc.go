// Package blackbox holds the tests that need whole processes: the built binary, a real browser, two replicas on one Postgres,
// a process killed in the middle of its work. They know Signet's commands, endpoints and form fields, nothing of its inside.
//
// It contains no code of the product. Begin with process_test.go, which starts and stops servers.
package blackbox
