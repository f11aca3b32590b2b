package server_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

func readDocument(t *testing.T, file string) (document map[string]any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &document)
	}
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// missing lists what one document of the API has and a later one has not: operations by id, their parameters, fields of schemas.
func missing(before, now map[string]any) (names []string) {
	members := func(of map[string]any, path ...string) map[string]any {
		for _, name := range path {
			of, _ = of[name].(map[string]any)
		}
		return of
	}
	parameters := func(op map[string]any) (names []string) {
		list, _ := op["parameters"].([]any)
		for _, p := range list {
			name, _ := p.(map[string]any)["name"].(string)
			names = append(names, name)
		}
		return names
	}
	for path, methods := range members(before, "paths") {
		for method := range methods.(map[string]any) {
			op, still := members(before, "paths", path, method), members(now, "paths", path, method)
			id, _ := op["operationId"].(string)
			if still == nil || still["operationId"] != id {
				names = append(names, id)
				continue
			}
			for _, p := range parameters(op) {
				if !slices.Contains(parameters(still), p) {
					names = append(names, id+"."+p)
				}
			}
		}
	}
	for name := range members(before, "components", "schemas") {
		still := members(now, "components", "schemas", name)
		if still == nil {
			continue // whose it was is gone, or called otherwise
		}
		for field := range members(before, "components", "schemas", name, "properties") {
			if members(still, "properties")[field] == nil {
				names = append(names, name+"."+field)
			}
		}
	}
	slices.Sort(names)
	return names
}

// TestWhatTheAPILosesIsNoticed: of operations, parameters and fields that were in its document.
func TestWhatTheAPILosesIsNoticed(t *testing.T) {
	t.Parallel()
	document := func(text string) (d map[string]any) {
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	before := document(`{"paths": {"/a": {"get": {"operationId": "listA", "parameters": [{"name": "limit"}, {"name": "old"}]},
		"post": {"operationId": "makeA"}}, "/b": {"get": {"operationId": "listB"}}},
		"components": {"schemas": {"A": {"properties": {"id": {}, "size": {}}}, "B": {"properties": {"id": {}}}}}}`)
	now := document(`{"paths": {"/a": {"get": {"operationId": "listA", "parameters": [{"name": "limit"}, {"name": "new"}]},
		"put": {"operationId": "makeA"}}, "/c": {"get": {"operationId": "listC"}}},
		"components": {"schemas": {"A": {"properties": {"id": {}, "more": {}}}, "C": {}}}}`)
	if got := missing(before, now); !slices.Equal(got, []string{"A.size", "listA.old", "listB", "makeA"}) {
		t.Errorf("missing: %q", got)
	}
	if got := missing(before, before); len(got) > 0 {
		t.Errorf("missing from itself: %q", got)
	}
}
