package files_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"signet/admin"
	"signet/admin/files"
	"signet/clients"
)

func root() admin.Actor {
	return admin.Actor{Kind: admin.KindCommand, ID: "root@host", Holds: admin.SetOf(admin.All()...)}
}

func read(t *testing.T, document string) *files.Set {
	t.Helper()
	s := &files.Set{}
	if err := s.Read([]byte(document)); err != nil {
		t.Fatal(err)
	}
	return s
}

func document(t *testing.T, s *files.Set) string {
	t.Helper()
	text, err := s.Document("")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fill sets everything in a value to something that is not its default.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64, reflect.Int:
		v.SetInt(60_000_000_000)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		if name := v.Type().Elem().Name(); name != "JSONWebKeySet" {
			fill(t, v.Elem())
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if v.Type().Elem().Kind() != reflect.Uint8 {
			fill(t, v.Index(0))
		} else {
			v.SetBytes([]byte(`{}`))
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for f := range v.Type().Fields() {
			if f.IsExported() {
				fill(t, v.FieldByIndex(f.Index))
			}
		}
	default:
		t.Fatalf("%s: fix this test", v.Kind())
	}
}

// TestEveryFieldSurvives: each field of a registration, set, is in the document that is read and written again.
func TestEveryFieldSurvives(t *testing.T) {
	for list, of := range map[string]any{"clients": &clients.Metadata{}, "resources": &clients.Resource{}} {
		fill(t, reflect.ValueOf(of).Elem())
		raw, err := json.Marshal(of)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(raw, &fields); err != nil {
			t.Fatal(err)
		}
		for _, none := range []string{"client_secret", "document_hash", "declared"} {
			delete(fields, none)
		}
		if list == "clients" {
			fields["disabled"] = true
		}
		raw, err = json.Marshal(map[string]any{list: []any{fields}})
		if err != nil {
			t.Fatal(err)
		}
		once := document(t, read(t, string(raw)))
		if twice := document(t, read(t, once)); twice != once {
			t.Errorf("%s: written again it is\n%s\nand was\n%s", list, twice, once)
		}
		var got map[string][]map[string]any
		if err := json.Unmarshal([]byte(once), &got); err != nil {
			t.Fatal(err)
		}
		for name, value := range fields {
			if kept := got[list][0][name]; !reflect.DeepEqual(kept, value) {
				t.Errorf("%s: %s is %v, was %v", list, name, kept, value)
			}
		}
	}
}

func TestMistakesInFiles(t *testing.T) {
	for text, want := range map[string]string{
		``: "is empty", `[]`: "must be an object", `null`: "must be an object", `{"clients":{}}`: "must be an object",
		`{"people":[]}`: "no such kind", `{"clients":[{}]}`: "client_id: is missing",
		`{"clients":[{"client_id":"a"},{"client_id":"a"}]}`:                     "is there twice",
		`{"clients":[{"client_id":"a","colour":"red"}]}`:                        "unknown field",
		`{"clients":[{"client_id":"a","client_secret":"s3cr3t"}]}`:              "does not belong into files",
		`{"clients":[{"client_id":"a","client_secret":"env:"}]}`:                "does not belong into files",
		`{"clients":[{"client_id":"a","client_secret":["s"]}]}`:                 "does not belong into files",
		`{"clients":[{"client_id":"a","Client_Secret":"s"}]}`:                   "unknown field",
		`{"clients":[{"client_id":"a","Scope":"s"}]}`:                           "unknown field",
		`{"clients":[{"client_id":"a","scope":"a","scope":"b"}]}`:               "scope: is there twice",
		`{"resources":[{"identifier":"a","scope_details":{"x":{"Title":{}}}}]}`: "unknown field",
		`{"clients":[],"clients":[]}`:                                           "clients: is there twice",
		`{"clients":[{"client_id":"a","document_hash":"s"}]}`:                   "do not belong",
		`{"resources":[{"identifier":"a","declared":true}]}`:                    "does not belong",
		`{"groups":[{"name":"a b"}]}`:                                           "use 1 to 100",
		`{"roles":[{"name":"a","permissions":["people:reads"]}]}`:               "there is no",
		`{"clients":[]} {}`: "more than one", `{"groups":[null]}`: "use 1 to 100",
	} {
		s := &files.Set{}
		if err := s.Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		} else if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: the secret is told: %v", text, err)
		}
	}
	s := read(t, `{"groups":[{"name":"a"}]}`)
	if err := s.Read([]byte(`{"groups":[{"name":"a"}]}`)); err == nil {
		t.Error("a thing in two files is taken")
	}
}

// FuzzRead: whatever is read is written and read again alike.
func FuzzRead(f *testing.F) {
	f.Add(`{"clients":[{"client_id":"a","access_token_lifetime":"10m","default_max_age":0}],"groups":[{"name":"g"}]}`)
	f.Add(`{"resources":[{"identifier":"https://a","scopes":["x"],"max_age":1e3}],"roles":[{"name":"r","permissions":["audit:read"]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s := &files.Set{}
		if s.Read([]byte(text)) != nil {
			return
		}
		once := document(t, s)
		again := read(t, once)
		if twice := document(t, again); twice != once {
			t.Fatalf("%q became %q", once, twice)
		}
	})
}
