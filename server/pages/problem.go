package pages

// APIProblem explains a kind of error of the API of administrators.
type APIProblem struct {
	Name    string // the last part of its type, and of the ids of its texts
	Status  string // and its text
	Example string // an answer, as a program gets it
}

// APIProblems lists the kinds.
type APIProblems struct{ Kinds []APIProblem }

// Template of the page.
func (APIProblem) Template() string { return "api_problem" }

// Title of the page.
func (p APIProblem) Title() string { return "problem." + p.Name + ".title" }

// Template of the page.
func (APIProblems) Template() string { return "api_problems" }

// Title of the page.
func (APIProblems) Title() string { return "problems.title" }
