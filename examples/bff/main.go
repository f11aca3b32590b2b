// Command bff serves a single-page app that has no tokens: package tokenhandler keeps them, and calls the API for the page.
//
// Environment: ISSUER (http://localhost:9400), CLIENT_ID (bff), CLIENT_SECRET, LISTEN (localhost:9440), API (http://localhost:9420).
package main

import (
	"cmp"
	"context"
	"embed"
	"io/fs"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"signet/examples/bff/tokenhandler"
)

//go:embed static
var static embed.FS

func main() {
	listen := cmp.Or(os.Getenv("LISTEN"), "localhost:9440")
	api, err := url.Parse(cmp.Or(os.Getenv("API"), "http://localhost:9420"))
	if err != nil {
		log.Fatal(err)
	}
	h, err := tokenhandler.New(context.Background(), tokenhandler.Options{
		Issuer: cmp.Or(os.Getenv("ISSUER"), "http://localhost:9400"), ClientID: cmp.Or(os.Getenv("CLIENT_ID"), "bff"),
		ClientSecret: os.Getenv("CLIENT_SECRET"), Base: "http://" + listen, Scopes: []string{"profile", "offline_access", "notes:read"},
		APIs: map[string]url.URL{"notes": *api},
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("open http://%s", listen)
	server := &http.Server{Addr: listen, Handler: routes(h), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func routes(h *tokenhandler.Handler) http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	mux := http.NewServeMux()
	mux.Handle("/bff/", h.Routes())
	page := http.FileServerFS(files)
	mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'")
		page.ServeHTTP(w, r)
	}))
	return mux
}
