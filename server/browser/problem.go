package browser

import (
	"errors"
	"strconv"

	"signet/server/pages"
	"signet/users"
	"signet/users/password"
)

// formFields are the ids under which forms show what people type: the address stands where password managers look for the
// user name.
var formFields = map[users.Field]string{
	users.FieldEmail: "username", users.FieldUsername: "handle", users.FieldName: "name", users.FieldPassword: "password",
	users.FieldTerms: "terms",
}

// Problems puts users.Mistakes into a form's words; false if err is something else.
func Problems(err error, minPassword int) ([]pages.Problem, bool) {
	mistakes, ok := errors.AsType[users.Mistakes](err)
	if !ok {
		return nil, false
	}
	var list []pages.Problem
	for _, m := range mistakes {
		p := pages.Problem{Field: formFields[m.Field], Message: "form.invalid"}
		if reason := reasonOf(m.Cause); reason != "" {
			p.Message = string(m.Field) + "." + reason
		}
		if errors.Is(m.Cause, password.ErrTooShort) {
			p.Args = map[string]string{"Min": strconv.Itoa(minPassword)}
		}
		list = append(list, p)
	}
	return list, true
}

func reasonOf(cause error) string {
	for _, r := range []struct {
		is   error
		text string
	}{
		{users.ErrMissing, "missing"}, {users.ErrTaken, "taken"}, {users.ErrDomain, "domain"}, {users.ErrSame, "same"},
		{users.ErrEmail, "invalid"}, {users.ErrUsername, "invalid"}, {users.ErrName, "invalid"},
		{password.ErrTooShort, "too_short"}, {password.ErrTooLong, "too_long"}, {password.ErrCommon, "common"},
		{password.ErrPersonal, "personal"}, {password.ErrMalformed, "invalid"},
		{password.ErrBreached, "breached"},
	} {
		if errors.Is(cause, r.is) {
			return r.text
		}
	}
	return ""
}
