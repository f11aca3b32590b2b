// Command cli-device is a program for a terminal that signs its person in with Signet without opening a browser: the device grant
// (RFC 8628) through golang.org/x/oauth2, the ID token checked with go-oidc.
//
// Environment: ISSUER (http://localhost:9400), CLIENT_ID (cli-device).
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	if err := signIn(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func signIn(ctx context.Context) error {
	issuer, id := cmp.Or(os.Getenv("ISSUER"), "http://localhost:9400"), cmp.Or(os.Getenv("CLIENT_ID"), "cli-device")
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return fmt.Errorf("discover %s: %w", issuer, err)
	}
	config := oauth2.Config{ClientID: id, Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID, "email", oidc.ScopeOfflineAccess}}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	begun, err := config.DeviceAuth(ctx)
	if err != nil {
		return fmt.Errorf("ask for a code: %w", err)
	}
	fmt.Printf("Open %s and type %s\nor open %s\n", begun.VerificationURI, begun.UserCode, begun.VerificationURIComplete)
	token, err := config.DeviceAccessToken(ctx, begun) // asks again and again until you have decided
	if err != nil {
		return fmt.Errorf("wait for a decision: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	signed, err := provider.Verifier(&oidc.Config{ClientID: id}).Verify(ctx, raw)
	if err != nil {
		return fmt.Errorf("check the ID token: %w", err)
	}
	var who struct {
		Email string `json:"email"`
	}
	info, err := provider.UserInfo(ctx, config.TokenSource(ctx, token)) // which refreshes by itself
	if err != nil {
		return fmt.Errorf("ask who it is: %w", err)
	}
	if err := info.Claims(&who); err != nil {
		return err
	}
	fmt.Printf("Hello %s (%s)\n", cmp.Or(who.Email, "you"), signed.Subject)
	return nil
}
