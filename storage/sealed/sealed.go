// Package sealed names the columns whose values depend on a master key, and what is found in them. The statements are storage's:
// DB.SealedMarks, CountSealed, SealedValues and ReplaceSealed.
package sealed

// Column is a column whose values a master key has sealed, or whose values were made with a key derived from one.
type Column string

// The columns. What is sealed can be sealed again (DB.ReplaceSealed); what was derived can only be made anew by whoever knows
// the password or secret.
const (
	Keys             Column = "keys.sealed"
	FurtherKeys      Column = "further_keys.sealed"
	Secrets          Column = "client_secrets.sealed"
	Messages         Column = "messages.sealed"
	Deliveries       Column = "deliveries.sealed"
	Salts            Column = "salts.sealed"
	Webhooks         Column = "webhooks.sealed"
	Settings         Column = "settings.sealed"
	Authenticator    Column = "credentials.data"
	Tokens           Column = "identities.tokens"
	IDTokens         Column = "upstream_sessions.id_token"
	DerivedPasswords Column = "credentials.password"
	DerivedSecrets   Column = "client_secrets.mac"
)

// Mark is what the values of a column say of the master key that sealed them.
type Mark struct {
	Column Column
	Head   []byte // the first bytes of a sealed value; nil where the value is too short or broken
	Text   string // of a derived value: the id in front of the hash, the key's id beside a MAC
	Stored any    // as the database has it: for storage alone
}

// Value is one sealed value.
type Value struct {
	Column Column
	ID     string // of the row
	Place  string // the row's name in the additional data of the seal
	Value  []byte // nil where it cannot be decoded
	Stored any    // as the database has it: for storage alone
}
