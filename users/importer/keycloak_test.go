package importer_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestTheKeycloakLineLeavesServiceAccountsOut(t *testing.T) {
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?s)\*\*Keycloak\*\*.*?jq -c '(.*?)' realm\.json`).FindSubmatch(doc)
	if found == nil {
		t.Fatal("docs/operations.md has no line for Keycloak")
	}
	program := string(found[1])
	if !strings.Contains(program, "select(.serviceAccountClientId == null)") {
		t.Error("service accounts are not left out")
	}
	jq, err := exec.LookPath("jq")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal("needs jq to run the line")
	} else if err != nil {
		t.Skip("needs jq to run the line")
	}
	c := exec.CommandContext(t.Context(), jq, "-c", program)
	c.Stdin = strings.NewReader(`{"realm": "r", "users": [
		{"id": "1", "email": "ada@example.com", "emailVerified": true, "username": "ada", "enabled": true, "createdTimestamp": 1577934245000},
		{"id": "2", "username": "service-account-job", "enabled": true, "serviceAccountClientId": "job", "createdTimestamp": 1577934245000}]}`)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	if people, mistakes := read(t, string(out)); len(people) != 1 || len(mistakes) != 0 || people[0].Sub != "1" {
		t.Errorf("got %+v, mistakes in %v", people, mistakes)
	}
}
