//go:build race

package main

import "testing"

// racing: the race detector is on, with which each command of a script takes seconds to begin.
const racing = true

// manyCommands is what a test says first that runs commands by the hundred: the gate runs it in the step without the race detector.
func manyCommands(t *testing.T) {
	t.Skip("it runs commands by the hundred: without -race")
}
