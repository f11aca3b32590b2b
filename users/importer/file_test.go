package importer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"signet/users/importer"
)

func read(t testing.TB, text string) (people []importer.Record, mistakes []int) {
	t.Helper()
	for a, err := range importer.Read(strings.NewReader(text)) {
		switch {
		case err == nil:
			people = append(people, a)
		case !errors.Is(err, importer.ErrFormat):
			t.Errorf("got %v, want ErrFormat", err)
		default:
			mistakes = append(mistakes, a.Line)
		}
	}
	return people, mistakes
}

const (
	asLines = "\xef\xbb\xbf" +
		`{"sub":"1","email":"ada@example.com","email_verified":true,"username":"ada","name":"Ada","created_at":1577934245000,"disabled":false,"groups":["staff"],"password_hash":{"hash":"x"},"nickname":null}

{"sub":1,"email":"x@example.com"}
{"email":"b@example.com","created_at":"yesterday"}
{"email":"c@example.com","password_hash":["x"]}
[1]
{"email":"d@example.com","created_at":"2020-01-02"}
`
	asTable = "sub,email,email_verified,name,groups,created_at,password_hash,phone_number_verified\r\n" +
		"1,ada@example.com,true,\"Ada, \"\"the\"\" Countess\nLovelace\",staff;admins,1577934245,$2b$10$x,false\r\n" +
		"2,b@example.com,perhaps,,,,,\r\n" +
		"3,c@example.com\r\n" +
		"4,d@example.com,,,,,,\r\n"
)

func TestImport_LinesOfJSON(t *testing.T) {
	people, mistakes := read(t, asLines)
	if len(people) != 2 || len(mistakes) != 4 || mistakes[0] != 3 || mistakes[3] != 6 {
		t.Fatalf("%d people, mistakes in %v", len(people), mistakes)
	}
	a := people[0]
	if a.Line != 1 || a.Sub != "1" || a.Person.Email != "ada@example.com" || !a.EmailVerified || a.Person.Username != "ada" ||
		a.Hash != `{"hash":"x"}` || string(a.Person.Claims) != `{"name":"Ada"}` || len(a.Groups) != 1 ||
		!a.CreatedAt.Equal(time.Unix(1577934245, 0)) {
		t.Errorf("got %+v", a)
	}
	if people[1].Line != 7 || people[1].CreatedAt.Year() != 2020 {
		t.Errorf("got %+v", people[1])
	}
}

func TestImport_Tables(t *testing.T) {
	people, mistakes := read(t, asTable)
	if len(people) != 2 || len(mistakes) != 2 || mistakes[0] != 4 || mistakes[1] != 5 {
		t.Fatalf("%d people, mistakes in %v", len(people), mistakes)
	}
	a := people[0]
	if a.Line != 2 || a.Sub != "1" || !a.EmailVerified || a.Hash != "$2b$10$x" || len(a.Groups) != 2 ||
		!strings.Contains(string(a.Person.Claims), `"phone_number_verified":false`) || !strings.Contains(string(a.Person.Claims), "Countess") {
		t.Errorf("got %+v, claims %s", a, a.Person.Claims)
	}
	for _, text := range []string{"", "\n", "mail\nx\n", "email,email\na,b\n", "email,\na,b\n", "email\n\"never closed\n"} {
		if people, mistakes := read(t, text); len(people) != 0 || len(mistakes) != 1 {
			t.Errorf("%q: %d people, mistakes in %v", text, len(people), mistakes)
		}
	}
}

func TestImport_LongLinesEndTheFile(t *testing.T) {
	people, mistakes := read(t, `{"email":"a@example.com"}`+"\n"+`{"email":"`+strings.Repeat("a", 300<<10)+`"}`+"\n")
	if len(people) != 1 || len(mistakes) != 1 || mistakes[0] != 2 {
		t.Errorf("%d people, mistakes in %v", len(people), mistakes)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(asLines)
	f.Add(asTable)
	f.Fuzz(func(t *testing.T, text string) { read(t, text) })
}

func TestTablesWithSemicolonsAndTabs(t *testing.T) {
	for _, text := range []string{
		"email;name;groups\r\nada@example.com;Ada;\"staff;admins\"\r\n",
		"\xef\xbb\xbfemail;name;groups\nada@example.com;Ada;staff,admins\n",
		"email\tname\tgroups\nada@example.com\tAda\tstaff;admins\n",
		"email,name,groups\nada@example.com,Ada,staff;admins\n",
	} {
		people, mistakes := read(t, text)
		if len(people) != 1 || len(mistakes) != 0 {
			t.Errorf("%q: %d people, mistakes in %v", text, len(people), mistakes)
			continue
		}
		if p := people[0]; p.Person.Email != "ada@example.com" || len(p.Groups) != 2 || string(p.Person.Claims) != `{"name":"Ada"}` {
			t.Errorf("%q: got %+v, claims %s", text, p, p.Person.Claims)
		}
	}
}

func TestJSONThatIsNotOneObjectALine(t *testing.T) {
	for text, want := range map[string]string{
		`[{"email":"ada@example.com"},{"email":"bob@example.com"}]`:      "jq -c '.[]'",
		"[\n  {\"email\": \"ada@example.com\"}\n]\n":                     "jq -c '.[]'",
		"{\n  \"email\": \"ada@example.com\",\n  \"name\": \"Ada\"\n}\n": "one object a line",
		"{\"email\": \"ada@example.com\",\n \"name\": \"Ada\"}\n":        "one object a line",
	} {
		var said []string
		for _, err := range importer.Read(strings.NewReader(text)) {
			if !errors.Is(err, importer.ErrFormat) {
				t.Fatalf("%q: got %v, want ErrFormat", text, err)
			}
			said = append(said, err.Error())
		}
		if len(said) != 1 || !strings.Contains(said[0], want) {
			t.Errorf("%q: got %q, want one error with %q", text, said, want)
		}
	}
}

// TestOnlyUTF8IsRead: a name of another encoding would be stored with holes in it.
func TestOnlyUTF8IsRead(t *testing.T) {
	const utf16 = "\xff\xfee\x00m\x00a\x00i\x00l\x00\n\x00"
	for text, says := range map[string]string{
		"email,name\na@b.example,M\xfcller\n":                "windows-1252",
		"email;name\na@b.example;M\xfcller\n":                "windows-1252",
		"email,\xfcber\na@b.example,x\n":                     "windows-1252",
		"{\"email\":\"a@b.example\",\"name\":\"M\xfcller\"}": "windows-1252",
		utf16:                               "utf-16",
		"\xfe\xff\x00e\x00m\x00a\x00i\x00l": "utf-16",
		"e\x00m\x00a\x00i\x00l\x00":         "utf-16",
		"\xff\xfe{\x00\"\x00e\x00":          "utf-16",
	} {
		read, told := 0, ""
		for _, err := range importer.Read(strings.NewReader(text)) {
			if read++; err != nil {
				told = err.Error()
			}
		}
		if read != 1 || !strings.Contains(told, says) {
			t.Errorf("%q: %d, %q, want %q", text, read, told, says)
		}
	}
	for rec, err := range importer.Read(strings.NewReader("email,name\na@b.example,M\xfcller\nb@b.example,Müller\n")) {
		if (err == nil) != (rec.Line == 3) {
			t.Errorf("line %d: %v", rec.Line, err)
		}
	}
}
