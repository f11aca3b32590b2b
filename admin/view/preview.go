package view

// Preview is what an app would be told about a person.
type Preview struct {
	ClientID    string         `json:"client_id"`
	Scopes      []string       `json:"scopes" doc:"As if they were granted."`
	Subject     string         `json:"sub" doc:"What the app calls the person; empty where that cannot be said here."`
	IDToken     map[string]any `json:"id_token" doc:"Claims about the person in the ID token."`
	Userinfo    map[string]any `json:"userinfo" doc:"The answer of the userinfo endpoint."`
	AccessToken map[string]any `json:"access_token" doc:"Claims about the person in the access token."`
}
