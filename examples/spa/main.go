// Command spa serves a single-page app without a framework: everything happens in static/app.js.
//
// Environment: LISTEN (localhost:9430). The page takes issuer and client id from its own form, defaults
// http://localhost:9400 and spa.
package main

import (
	"cmp"
	"embed"
	"io/fs"
	"log"
	"net/http"
	"os"
	"time"
)

//go:embed static
var static embed.FS

func main() {
	listen := cmp.Or(os.Getenv("LISTEN"), "localhost:9430")
	log.Printf("open http://%s", listen)
	server := &http.Server{Addr: listen, Handler: routes(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func routes() http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return http.FileServerFS(files)
}
