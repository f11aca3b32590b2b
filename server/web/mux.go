package web

// Mux holds both sides.
type Mux struct{}
