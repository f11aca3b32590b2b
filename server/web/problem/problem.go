// Package problem names the kinds of errors of the API of administrators (RFC 9457), and what is the same for all errors of a kind: the
// last part of the type, the title, the usual status, an example.
//
// Kinds are made here only, so that nothing answers with one that no page explains: package server/problems shows each, in the words of
// templates/lang (problem.NAME.title, .what and .do). The errors themselves are web.Problem. Begin with Kind.
package problem

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// Path is where kinds are explained, under the issuer.
const Path = "/problems"

// Kind is one. Compare pointers.
type Kind struct {
	name, title string
	status      int
	example     Example
}

// Example is what is particular in an answer of a kind.
type Example struct {
	Header         [2]string // name and value; none
	Detail         string
	Pointer, Wrong string // a field, and what is wrong with it; none
}

// all are those that were declared.
var all []*Kind

func declare(status int, name, title string, example Example) *Kind {
	k := &Kind{name, title, status, example}
	all = append(all, k)
	return k
}

// All lists them by name.
func All() []*Kind {
	return slices.SortedFunc(slices.Values(all), func(a, b *Kind) int { return cmp.Compare(a.name, b.name) })
}

// Find is the kind of a name; nil if there is none.
func Find(name string) *Kind {
	if i := slices.IndexFunc(all, func(k *Kind) bool { return k.name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

// Named is the kind of an error code of the protocol, or what its status says where no kind has its name.
func Named(code string, status int) *Kind {
	switch k := Find(code); {
	case k != nil:
		return k
	case status == http.StatusServiceUnavailable:
		return TemporarilyUnavailable
	case status >= http.StatusInternalServerError:
		return ServerError
	case status == http.StatusUnauthorized:
		return InvalidToken
	}
	return InvalidRequest
}

// Name is the last part of the type.
func (k *Kind) Name() string { return k.name }

// Title is a short text for people, in English.
func (k *Kind) Title() string { return k.title }

// Status is what such an error is answered with usually.
func (k *Kind) Status() int { return k.status }

// Example of an answer.
func (k *Kind) Example() Example { return k.example }

// Type is the address of the page that explains the kind, at an issuer: what programs know it by (RFC 9457 section 3.1.1).
func (k *Kind) Type(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + Path + "/" + k.name
}
