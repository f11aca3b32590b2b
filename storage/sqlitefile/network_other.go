//go:build !linux

package sqlitefile

// Network is not known here.
func Network(string) string { return "" }
