// Package servertest is a whole Signet in a test: New starts one, Browser drives its real forms, App is a client made of
// golang.org/x/oauth2. Tests read like the RFC they hold the server to.
//
//	s := servertest.New(t)
//	ada := s.Person(t, "ada@example.com")
//	app := s.App(t, "shop")
//	tokens := app.Login(t, s.Browser(t), ada)
//
// Everything runs in this process: on SQLite in a folder of the test's own, or with Postgres() on a throw-away cluster; on a
// real socket, or with HandlerOnly() without any, as testing/synctest bubbles need it. The log goes to the test's output.
package servertest
