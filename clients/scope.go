package clients

import (
	"fmt"

	"signet/clients/detail"
)

// Text is one text in several languages.
type Text = detail.Text

// ScopeDetails is what a resource says about one of its scopes: what people read on the consent page, and how they are asked.
type ScopeDetails struct {
	Title       Text `json:"title,omitempty"`       // what the app may do with it: "Read your orders"
	Description Text `json:"description,omitempty"` // a second line about it
	Required    bool `json:"required,omitempty"`    // no app of this API works without: it is granted with Allow, and is not a box
	Sensitive   bool `json:"sensitive,omitempty"`   // its box starts unticked, and the page says why
}

// Empty reports whether it says nothing.
func (d ScopeDetails) Empty() bool {
	return len(d.Title)+len(d.Description) == 0 && !d.Required && !d.Sensitive
}

const (
	maxTitle       = 80
	maxDescription = 300
)

func (d ScopeDetails) validate(scope string) []error {
	errs := append(validText(scope, "title", d.Title, maxTitle), validText(scope, "description", d.Description, maxDescription)...)
	if d.Required && d.Sensitive {
		errs = append(errs, fmt.Errorf("scopes: %q is required and sensitive; what cannot be left out has no box that starts unticked", scope))
	}
	if len(d.Description) > 0 && len(d.Title) == 0 {
		errs = append(errs, fmt.Errorf("scopes: %q has a description and no title", scope))
	}
	return errs
}

func validText(scope, what string, t Text, limit int) []error {
	if err := t.Line(limit); err != nil {
		return []error{fmt.Errorf("scopes: %s of %q: %w", what, scope, err)}
	}
	return nil
}
