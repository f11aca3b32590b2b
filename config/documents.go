package config

import "regexp"

// The modes of client metadata documents.
const (
	DocumentsOff   = "off"
	DocumentsHosts = "hosts"
	DocumentsOpen  = "open"
)

// ClientDocuments is which apps may come with the address of a document about themselves as their client id.
type ClientDocuments struct {
	Mode  string   `yaml:"mode"`  // off; hosts: those of the list; open: all
	Hosts []string `yaml:"hosts"` // names; .example.com is all below it
	Deny  []string `yaml:"deny"`  // the same, in every mode
}

var hostName = regexp.MustCompile(`^\.?[a-z0-9-]+(\.[a-z0-9-]+)*$`)

func (c Config) checkDocuments(bad *complaints) {
	d := c.ClientDocuments
	oneOf(bad, "client_documents.mode", d.Mode, DocumentsOff, DocumentsHosts, DocumentsOpen)
	for key, list := range map[string][]string{"client_documents.hosts": d.Hosts, "client_documents.deny": d.Deny} {
		for _, host := range list {
			bad.check(hostName.MatchString(host), key, "%q is not a host; write it like app.example.com, or .example.com with all below it", host)
		}
	}
	bad.check(d.Mode != DocumentsHosts || len(d.Hosts) > 0, "client_documents.hosts", "is empty: list hosts, or set the mode off")
}
