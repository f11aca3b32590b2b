// Command api is a resource server: it takes Signet's access tokens by the kit, which validates them with the published JWKS (RFC 9068
// section 4), so that no request needs a call to Signet.
//
// Environment: ISSUER (http://localhost:9400), AUDIENCE (http://localhost:9420: its identifier as registered),
// LISTEN (localhost:9420), ORIGIN (http://localhost:9430: the SPA that may call it).
package main

import (
	"cmp"
	"encoding/json"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	kit "signet/kit/go"
)

func main() {
	listen := cmp.Or(os.Getenv("LISTEN"), "localhost:9420")
	handler, err := routes(cmp.Or(os.Getenv("ISSUER"), "http://localhost:9400"),
		cmp.Or(os.Getenv("AUDIENCE"), "http://localhost:9420"), cmp.Or(os.Getenv("ORIGIN"), "http://localhost:9430"))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("http://%s/notes", listen)
	server := &http.Server{Addr: listen, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func routes(issuer, audience, origin string) (http.Handler, error) {
	api, err := kit.New(issuer, audience, kit.Options{
		Logger:   slog.Default(),
		Document: kit.Document{Name: "Notes API", Scopes: []string{"notes:read"}},
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /notes", api.Require(kit.Scopes("notes:read"))(http.HandlerFunc(notes)))
	api.Mount(mux)
	return cors(origin, mux), nil
}

func notes(w http.ResponseWriter, r *http.Request) {
	token, _ := kit.From(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"owner": token.Subject, "notes": []string{"Buy milk", "Read RFC 9068"}})
}

// cors lets the SPA's origin read answers.
func cors(origin string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		if r.Header.Get("Origin") == origin {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			if r.Method == http.MethodOptions {
				w.Header().Set("Access-Control-Allow-Headers", "Authorization, DPoP")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
