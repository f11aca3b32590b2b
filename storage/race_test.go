//go:build race

package storage_test

import "testing"

// anotherPool is what a test says first that runs the whole contract once more, on a pool that finds no more races than the ordinary one:
// the gate runs it in the step without the race detector.
func anotherPool(t *testing.T) {
	t.Skip("TestContract looks for races: without -race")
}
