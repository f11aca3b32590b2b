//go:build race

package main

// racing: the race detector is on, with which each command of a script takes seconds to begin.
const racing = true
