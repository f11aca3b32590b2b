package config

// DetailsType is a type of authorization details that a resource takes (RFC 9396).
type DetailsType struct {
	Type   string         `yaml:"type" json:"type"`
	Title  Text           `yaml:"title" json:"title"`
	Fields []DetailsField `yaml:"fields" json:"fields,omitempty"`
}

// DetailsField is a field of one.
type DetailsField struct {
	Name     string         `yaml:"name" json:"name"`
	Title    Text           `yaml:"title" json:"title"`
	Kind     string         `yaml:"kind" json:"kind"`
	Required bool           `yaml:"required" json:"required,omitempty"`
	Values   []DetailsValue `yaml:"values" json:"values,omitempty"`
	AtMost   bool           `yaml:"at_most" json:"at_most,omitempty"`
}

// DetailsValue is a value that a field may have. In the file it may be the value alone.
type DetailsValue struct {
	Value string `yaml:"value" json:"value"`
	Title Text   `yaml:"title" json:"title,omitempty"`
}
