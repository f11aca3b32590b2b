package pages

// DetailsLine is one thing in particular that an app asks for (RFC 9396), as its resource has people read it.
type DetailsLine struct {
	Title map[string]string // by language; "" = every language without its own
	Owner string            // the resource
	Rows  []DetailsRow
}

// DetailsRow is a field of it.
type DetailsRow struct {
	Title  map[string]string
	Values []DetailsValue
}

// DetailsValue is a value, in words where the resource has some; else as the app sent it.
type DetailsValue struct {
	Text    string
	Title   map[string]string
	Yes, No bool // instead of a text
}
