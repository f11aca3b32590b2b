package main

import "testing"

func TestRolesAreAddedAndRemovedAsPeopleOfGroupsAre(t *testing.T) {
	t.Parallel()
	role := (&app{}).role()
	for word, want := range map[string]string{"add": "give", "remove": "take"} {
		if c, _, err := role.Find([]string{word}); err != nil || c.Name() != want {
			t.Errorf("role %s is %v (%v)", word, c, err)
		}
	}
}
