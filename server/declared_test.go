package server

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"signet/clients"
	"signet/config"
)

// The configuration's client and the registered one are two lists of the same names: what one lacks could be registered by command only, or
// would be dropped without a word.
func TestDeclaredClientsHaveEveryName(t *testing.T) {
	names := func(of any, tag string) (list []string) {
		for f := range reflect.TypeOf(of).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get(tag), ",")
			list = append(list, name)
		}
		slices.Sort(list)
		return list
	}
	declared := slices.DeleteFunc(names(config.Client{}, "yaml"), func(name string) bool { return name == "client_secret_file" })
	// document_hash is written by whoever reads a metadata document, and by nobody else
	registered := slices.DeleteFunc(names(clients.Metadata{}, "json"), func(name string) bool { return name == "document_hash" })
	if !slices.Equal(declared, registered) {
		t.Errorf("config.Client has\n%q, clients.Metadata has\n%q", declared, registered)
	}
	handedOver := slices.DeleteFunc(names(config.Client{}, "json"), func(name string) bool { return name == "-" })
	if want := slices.DeleteFunc(declared, func(name string) bool { return name == "client_secret" }); !slices.Equal(handedOver, want) {
		t.Errorf("handed over are\n%q, of\n%q", handedOver, want)
	}
}
