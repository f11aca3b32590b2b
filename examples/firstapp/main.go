// Command firstapp is the program of docs/tutorial.md.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	issuer := "http://localhost:9400"
	provider, err := oidc.NewProvider(context.Background(), issuer) // reads the discovery document
	if err != nil {
		log.Fatal(err)
	}
	config := oauth2.Config{
		ClientID:     "first",
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint:     provider.Endpoint(),
		RedirectURL:  "http://localhost:9500/callback",
		Scopes:       []string{"openid", "profile", "email"},
	}

	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>First app</title><a href="/login">Sign in</a>`)
	})
	http.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		state, verifier := rand.Text(), oauth2.GenerateVerifier() // of this browser's sign-in, for ten minutes
		for name, value := range map[string]string{"state": state, "verifier": verifier} {
			http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/callback", MaxAge: 600, HttpOnly: true,
				SameSite: http.SameSiteLaxMode})
		}
		http.Redirect(w, r, config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(state)), http.StatusSeeOther)
	})
	http.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		state, _ := r.Cookie("state")
		verifier, _ := r.Cookie("verifier")
		if state == nil || verifier == nil || r.FormValue("state") != state.Value {
			http.Error(w, "this sign-in was not started here", http.StatusBadRequest)
			return
		}
		if problem := r.FormValue("error"); problem != "" {
			http.Error(w, problem, http.StatusForbidden) // access_denied: the person said no
			return
		}
		token, err := config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(verifier.Value))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		raw, _ := token.Extra("id_token").(string)
		id, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(r.Context(), raw)
		if err != nil || id.Nonce != state.Value {
			http.Error(w, "the ID token is not for this sign-in", http.StatusBadGateway)
			return
		}
		// The ID token says who signed in, by the sub; name and email are what userinfo tells.
		info, err := provider.UserInfo(r.Context(), oauth2.StaticTokenSource(token))
		if err != nil || info.Subject != id.Subject {
			http.Error(w, "userinfo is about somebody else", http.StatusBadGateway)
			return
		}
		var person struct{ Name, Email string }
		if err := info.Claims(&person); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "<!doctype html><title>First app</title><p>Hello %s (%s)</p>",
			html.EscapeString(person.Name), html.EscapeString(person.Email))
	})
	log.Println("http://localhost:9500")
	log.Fatal(http.ListenAndServe("localhost:9500", nil))
}
