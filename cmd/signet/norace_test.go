//go:build !race

package main

import "testing"

const racing = false

func manyCommands(*testing.T) {}
