package config

// FederatedCredential lets a platform's tokens stand for a client.
type FederatedCredential struct {
	Issuer   string            `yaml:"issuer" json:"issuer"`
	Subject  string            `yaml:"subject" json:"subject"`
	Audience string            `yaml:"audience" json:"audience,omitempty"` // "" = this server's issuer
	JWKS     any               `yaml:"jwks" json:"jwks,omitempty"`         // its public keys, or
	JWKSURI  string            `yaml:"jwks_uri" json:"jwks_uri,omitempty"` // where they are; neither: where its discovery document says
	Claims   map[string]string `yaml:"claims" json:"claims,omitempty"`
}

// Exchange is what a client may exchange access tokens for (RFC 8693); empty = nothing.
type Exchange struct {
	SubjectsFrom []string `yaml:"subjects_from" json:"subjects_from,omitempty"`
	Targets      []string `yaml:"targets" json:"targets,omitempty"`
	Scopes       []string `yaml:"scopes" json:"scopes,omitempty"`
	Actors       []string `yaml:"actors" json:"actors,omitempty"`
	Bearer       bool     `yaml:"bearer" json:"bearer,omitempty"`
	IDJAG        []IDJAGs `yaml:"id_jag" json:"id_jag,omitempty"`
}

// IDJAGs are the assertions that a client may get for another authorization server.
type IDJAGs struct {
	Audience  string   `yaml:"audience" json:"audience"`
	ClientID  string   `yaml:"client_id" json:"client_id"`
	Scopes    []string `yaml:"scopes" json:"scopes,omitempty"`
	Resources []string `yaml:"resources" json:"resources,omitempty"`
	Groups    []string `yaml:"groups" json:"groups,omitempty"`
	SubjectOf string   `yaml:"subject_of" json:"subject_of,omitempty"`
}
