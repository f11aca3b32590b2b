package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signet/admin/setting"
	"signet/server"
)

// upstreamFlags are what is said of a provider: a flag for each field, and files for its secrets.
type upstreamFlags struct {
	said         setting.Upstream
	secret, pkey string
}

// add makes the flags of the fields, which are those of files and of the API.
func (u *upstreamFlags) add(f *pflag.FlagSet, pairs string) {
	all := reflect.ValueOf(&u.said).Elem()
	for field, value := range all.Fields() {
		name := upstreamFlag(field)
		if name == "" {
			continue
		}
		about := strings.ToLower(field.Tag.Get("doc"))
		if choices := field.Tag.Get("enum"); choices != "" {
			about = strings.TrimPrefix(about+" one of "+strings.ReplaceAll(choices, ",", ", "), " ")
		}
		switch to := value.Addr().Interface().(type) {
		case *string:
			f.StringVar(to, name, "", about)
		case *bool:
			f.BoolVar(to, name, false, about)
		case *[]string:
			f.StringSliceVar(to, name, nil, about)
		case *map[string]string:
			if pair := (pairFlag{to, name == "groups"}); pair.last {
				f.Var(pair, name, about+" One `THEIRS=OURS` each time that it is given."+pairs)
			} else {
				f.Var(pair, name, about+" One `OURS=THEIRS` each time that it is given."+pairs)
			}
		}
	}
	f.StringVar(&u.secret, "client-secret-file", "", "`file` with the client secret, - for standard input")
	f.StringVar(&u.pkey, "private-key-file", "", "`file` with the private key of kind apple (PEM), - for standard input")
}

// pairFlag reads one pair each time that it is given. What others call their groups can have a = itself (CN=staff,OU=eu), and ours cannot:
// there the last one counts.
type pairFlag struct {
	to   *map[string]string
	last bool
}

// Set implements pflag.Value. Nothing at all stands for all that there are, which are taken away.
func (p pairFlag) Set(text string) error {
	if *p.to == nil {
		*p.to = map[string]string{}
	}
	if text == "" {
		text = "="
	}
	at := strings.Index(text, "=")
	if p.last {
		at = strings.LastIndex(text, "=")
	}
	if at < 0 {
		return errors.New("has no =")
	}
	if _, is := (*p.to)[text[:at]]; is {
		return errors.New("is there twice")
	}
	(*p.to)[text[:at]] = text[at+1:]
	return nil
}

// String implements pflag.Value.
func (p pairFlag) String() string { return "" }

// Type implements pflag.Value.
func (p pairFlag) Type() string { return "pair" }

// upstreamFlag is the flag of a field; "" = it has none.
func upstreamFlag(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	if name == "id" || name == "disabled" || name == "-" {
		return ""
	}
	return strings.ReplaceAll(name, "_", "-")
}

// over puts what was said into one. Of pairs, those that are named change; the others stay.
func (u *upstreamFlags) over(f *pflag.FlagSet, to *setting.Upstream) error {
	said, into := reflect.ValueOf(u.said), reflect.ValueOf(to).Elem()
	for field := range said.Type().Fields() {
		name := upstreamFlag(field)
		if name == "" || !f.Changed(name) {
			continue
		}
		value := said.FieldByIndex(field.Index)
		if pairs, ok := value.Interface().(map[string]string); ok {
			next, err := paired(name, into.FieldByIndex(field.Index).Interface().(map[string]string), pairs)
			if err != nil {
				return err
			}
			value = reflect.ValueOf(next)
		}
		into.FieldByIndex(field.Index).Set(value)
	}
	return nil
}

// paired adds pairs to those there are, or puts them in the place of theirs. NAME= takes one away, and nothing at all those that were
// there.
// One that is not there is an error: somebody believes that it is gone.
func paired(flag string, before, said map[string]string) (map[string]string, error) {
	next := maps.Clone(before)
	if next == nil {
		next = map[string]string{}
	}
	if value, all := said[""]; all {
		if value != "" {
			return nil, usage("--%s =%s: write NAME before the =", flag, value)
		}
		clear(next)
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		switch _, there := before[name]; {
		case name == "":
		case said[name] != "":
			next[name] = said[name]
		case !there:
			return nil, usage("--%s %s=: there is no %s to take away; there are: %s", flag, name, name,
				dash(strings.Join(slices.Sorted(maps.Keys(before)), ", ")))
		default:
			delete(next, name)
		}
	}
	return next, nil
}

func (u *upstreamFlags) secrets(a *app) (given setting.Secrets, err error) {
	if u.secret == "-" && u.pkey == "-" {
		return given, usage("standard input holds one secret: give --client-secret-file or --private-key-file another file")
	}
	if u.secret != "" {
		given.ClientSecret, err = a.readText(u.secret)
	}
	if err == nil && u.pkey != "" {
		given.PrivateKey, err = a.readText(u.pkey)
	}
	return given, err
}

func (a *app) upstreamCreate() *cobra.Command {
	var u upstreamFlags
	c := a.verb("create ID", "Let people sign in at another provider", 1, func(cmd *cobra.Command, args []string) error {
		given, err := u.secrets(a)
		if err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			fresh := setting.Upstream{ID: args[0]}
			if err := u.over(cmd.Flags(), &fresh); err != nil {
				return err
			}
			made, err := h.Admin.CreateUpstream(ctx, h.Host(operator()), fresh, given)
			if err != nil {
				return unlinked(err, args[0])
			}
			return a.answer(made, func(w io.Writer) { upstreamShown(w, made) })
		})
	})
	u.add(c.Flags(), "")
	return c
}

func (a *app) upstreamUpdate() *cobra.Command {
	var u upstreamFlags
	c := a.verb("update ID", "Change what is set for a provider; what is not named stays, and so do its secrets, but at another issuer", 1,
		func(cmd *cobra.Command, args []string) error {
			given, err := u.secrets(a)
			if err != nil {
				return err
			}
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				made, err := h.Admin.ChangeUpstream(ctx, h.Host(operator()), args[0], "", given, func(to *setting.Upstream) error {
					return u.over(cmd.Flags(), to)
				})
				if err != nil {
					return unlinked(err, args[0])
				}
				return a.answer(made, func(w io.Writer) { upstreamShown(w, made) })
			})
		})
	u.add(c.Flags(), " The others stay; NAME= takes one away, '' all.")
	return c
}
