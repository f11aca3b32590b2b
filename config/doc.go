// Package config is the typed tree of what an operator may set, and the one loader of it.
//
// Values come from four sources, later ones win: defaults, the file (strict: an unknown or repeated key is a mistake), the
// environment (SIGNET_SECTION_KEY, and SIGNET_SECTION_KEY_FILE where the value is a secret) and the flags. All mistakes
// are reported at once, each with its key and the remedy, and every value remembers where it came from. Secrets redact
// themselves wherever they are printed.
//
// It imports nothing of ours and is imported by cmd and server only: other packages take their own Options. It does not look at the
// world beyond the files it is told to read. Begin with Config and Load; config.yaml at the root of the repository is the
// reference, tested against the struct.
package config
