package storage_test

import (
	"testing"

	"signet/storage"
	"signet/storage/storagetest"
)

func TestContract(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) { storagetest.Run(t, open) })
}
