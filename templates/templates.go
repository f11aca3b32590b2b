// Package templates holds the files that people see, embedded: page templates, translations, style sheet, script and
// pictures. It has no behaviour; server/pages parses and serves them.
package templates

import "embed"

// Files is the tree: layout.html, partials.html, pages/, mail/, lang/, static/.
//
//go:embed layout.html partials.html pages mail lang static
var Files embed.FS
