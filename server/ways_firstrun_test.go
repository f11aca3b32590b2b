package server_test

import (
	"sync"
	"time"
)

// oneFirstRun at a time: there is one link in a database, and cells run side by side.
var oneFirstRun sync.Mutex

// firstRun is run with a link that makes the first administrator, as if nobody had been one.
func (c *cell) firstRun(do func(secret string)) {
	c.t.Helper()
	oneFirstRun.Lock()
	defer oneFirstRun.Unlock()
	db, ctx := c.w.Services().DB, c.context()
	state, _, err := db.FirstRun(ctx)
	if err == nil {
		err = db.SetFirstRun(ctx, state, "", time.Time{})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	secret, err := c.w.Services().FirstRun.Link(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	do(secret)
}

// firstRunDrivers make an account with the link that is shown where the server is started.
func firstRunDrivers() []*driver {
	return []*driver{
		{route: "POST /setup", form: "signup-submit", link: true, prepare: func(c *cell) func() {
			return func() {
				c.firstRun(func(secret string) {
					fields := c.form()
					fields.Set("t", secret)
					c.b.Post(c.t, "/setup", fields)
				})
			}
		}},
		{route: "POST /setup", variant: "another secret", form: "signup-submit", prepare: func(c *cell) func() {
			return func() {
				fields := c.form()
				fields.Set("t", gone)
				c.email = ""
				c.b.Post(c.t, "/setup", fields)
			}
		}},
		{route: "POST /setup/passkey", form: "signup-submit", link: true, prepare: func(c *cell) func() {
			return func() {
				c.firstRun(func(secret string) {
					fields := c.form()
					fields.Set("t", secret)
					if options := jsonOf(c.b.Tab(c.t).Post(c.t, "/setup/passkey/options", fields)); options != nil {
						fields.Set("credential", c.w.Device().Create(c.t, options))
					}
					c.b.Post(c.t, "/setup/passkey", fields)
				})
			}
		}},
	}
}
