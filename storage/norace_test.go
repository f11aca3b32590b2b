//go:build !race

package storage_test

import "testing"

func anotherPool(*testing.T) {}
