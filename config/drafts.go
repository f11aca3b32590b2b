package config

// Whether what comes from drafts of standards is there.
const (
	DraftsOn  = "on"
	DraftsOff = "off"
)

// draft is a setting that turns on what a draft says; off is its value without.
type draft struct {
	key string
	on  func(c Config) bool
	off func(c *Config)
}

// drafts are all of them. What is a draft and has no setting of its own asks Config.Drafts: global token revocation.
var drafts = []draft{
	{"tokens.status_lists", func(c Config) bool { return c.Tokens.StatusLists }, func(c *Config) { c.Tokens.StatusLists = false }},
	{"client_documents.mode", func(c Config) bool { return c.ClientDocuments.Mode != DocumentsOff },
		func(c *Config) { c.ClientDocuments.Mode = DocumentsOff }},
	{"id_jag.accept", func(c Config) bool { return c.IDJAG.Accept }, func(c *Config) { c.IDJAG.Accept = false }},
	{"id_jag.issue", func(c Config) bool { return c.IDJAG.Issue }, func(c *Config) { c.IDJAG.Issue = false }},
}

// originDrafts is the origin of a value that nobody set, and that would be another one with drafts.
const originDrafts = "drafts: off"

// settleDrafts turns off what nobody asked for by name. What somebody did ask for stays, for checkDrafts to complain of.
func (c *Config) settleDrafts() {
	if c.Drafts != DraftsOff {
		return
	}
	for _, d := range drafts {
		if d.on(*c) && c.Origin(d.key) == OriginDefault {
			d.off(c)
			c.origins[d.key] = originDrafts
		}
	}
}

func (c Config) checkDrafts(bad *complaints) {
	oneOf(bad, "drafts", c.Drafts, DraftsOn, DraftsOff)
	for _, d := range drafts {
		bad.check(c.Drafts != DraftsOff || !d.on(c), d.key, "comes from a draft, and drafts is off; turn this off, or set drafts: on")
	}
}
