package main

import (
	"context"
	"errors"
	"io"
	"reflect"
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
func (u *upstreamFlags) add(f *pflag.FlagSet) {
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
				f.Var(pair, name, about+" One `THEIRS=OURS` each time that it is given.")
			} else {
				f.Var(pair, name, about+" One `OURS=THEIRS` each time that it is given.")
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

// Set implements pflag.Value. Nothing at all is no pair, so that what is set can be taken away.
func (p pairFlag) Set(text string) error {
	if *p.to == nil {
		*p.to = map[string]string{}
	}
	if text == "" {
		return nil
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

// over puts what was said into one.
func (u *upstreamFlags) over(f *pflag.FlagSet, to *setting.Upstream) {
	said, into := reflect.ValueOf(u.said), reflect.ValueOf(to).Elem()
	for field := range said.Type().Fields() {
		if name := upstreamFlag(field); name != "" && f.Changed(name) {
			into.FieldByIndex(field.Index).Set(said.FieldByIndex(field.Index))
		}
	}
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
			u.said.ID = args[0]
			made, err := h.Admin.CreateUpstream(ctx, h.Host(operator()), u.said, given)
			if err != nil {
				return unlinked(err, args[0])
			}
			return a.answer(made, func(w io.Writer) { upstreamShown(w, made) })
		})
	})
	u.add(c.Flags())
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
					u.over(cmd.Flags(), to)
					return nil
				})
				if err != nil {
					return unlinked(err, args[0])
				}
				return a.answer(made, func(w io.Writer) { upstreamShown(w, made) })
			})
		})
	u.add(c.Flags())
	return c
}
