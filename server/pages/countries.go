package pages

import (
	_ "embed"
	"encoding/json"
	"slices"
	"sync"
)

// countryNames are lists by language, in its order, made of the Unicode CLDR's names.
//
//go:embed countries.json
var countryNames []byte

var countriesByLanguage = sync.OnceValue(func() map[string][]string {
	var lists map[string][]string
	if err := json.Unmarshal(countryNames, &lists); err != nil {
		panic(err) // a mistake in the file, which a test reads
	}
	return lists
})

// countries are the names to choose from, the one that was given in another way first.
func (l *locale) countries(given string) []string {
	list := countriesByLanguage()[l.tag]
	if list == nil {
		list = countriesByLanguage()["en"]
	}
	if given == "" || slices.Contains(list, given) {
		return list
	}
	return append([]string{given}, list...)
}
