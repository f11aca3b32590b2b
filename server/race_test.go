//go:build race

package server_test

// racing: the race detector is on, which makes everything several times as slow.
const racing = true
