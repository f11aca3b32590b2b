package server

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"signet/admin/checkup"
	"signet/admin/setting"
	"signet/admin/view"
	"signet/audit"
	"signet/clients/apikey"
	"signet/config"
	"signet/internal/egress"
	"signet/server/health"
)

// settings are the configuration in use, secrets masked, for administrators.
func (h *Services) settings() (list []view.Setting) {
	kept := map[string]bool{"branding": h.Config.Branding.Stored, "mail": h.Config.Mail.Stored}
	declared := h.file.Settings()
	for i, s := range h.Config.Settings() {
		if section, _, _ := strings.Cut(s.Key, "."); !kept[section] {
			s = declared[i]
		} else if s.Origin == config.OriginDefault {
			s.Origin = "database"
		}
		list = append(list, view.Setting{Key: s.Key, Value: s.Text(), Origin: s.Origin})
	}
	return list
}

// upstreamsSeen are the upstreams, those that are declared first, with when they were last used.
func (h *Services) upstreamsSeen(ctx context.Context) ([]view.Upstream, error) {
	list, at := []view.Upstream{}, map[string]int{}
	add := func(u setting.Upstream, declared bool) {
		at[u.ID] = len(list)
		list = append(list, view.Upstream{ID: u.ID, Name: cmp.Or(u.Name, kindNames[u.Kind], u.ID), Kind: u.Kind, Issuer: u.Issuer,
			Declared: declared, Disabled: u.Disabled, RedirectURI: UpstreamCallback(h.Config, u.ID)})
	}
	for _, u := range h.declaredUpstreams() {
		add(u, true)
	}
	kept, err := h.Settings.Upstreams(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range kept {
		add(u, false)
	}
	if len(list) == 0 {
		return list, nil
	}
	err = h.DB.UpstreamUses(ctx, func(upstream, outcome string, when time.Time, why string) {
		i, configured := at[upstream]
		switch {
		case !configured:
		case outcome == string(audit.Success):
			list[i].SucceededAt = when.UTC()
		default:
			list[i].FailedAt, list[i].Failure = when.UTC(), why
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read uses of upstreams: %w", err)
	}
	return list, nil
}

// openCheckup builds what looks at apps. It has a way out of its own, but for metadata documents and
// those of sectors, which are read as the registration reads them.
func (h *Services) openCheckup() (*checkup.Checker, error) {
	small := egress.Options{Connect: 2 * time.Second, Total: 3 * time.Second, MaxBody: 512 << 10, InFlight: 24, PerHost: 6}
	return checkup.New(checkup.Options{
		Clients: h.Clients, Issuer: h.Config.Server.Issuer, Out: h.wayOut(small), Issuers: h.chosenWay(small), Document: h.Documents.Try,
		Sector: h.Registrations.CheckSector, Upstreams: h.upstreamsSeen, Unknown: h.DB.UnknownClients, Mutual: h.Config.MTLSBase() != "",
	})
}

// checkLimit is how long the checks may take together.
const checkLimit = 5 * time.Second

// checkup looks at what readiness and the doctor look at, as far as it is known here: it asks the database five things, and nobody else.
func (h *Services) checkup(ctx context.Context) (list []view.Finding) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	for _, check := range []func(ctx context.Context) view.Finding{h.checkDatabase, h.checkClock, h.checkKeys, h.checkSchema, h.checkMail,
		h.checkBackup, h.checkAPIKeys} {
		list = append(list, check(ctx))
	}
	for _, warning := range h.Config.Warnings() {
		list = append(list, view.Finding{Check: "configuration", State: view.StateNotice, Text: warning,
			Remedy: "Change the setting, and load the configuration again."})
	}
	return list
}

// found is a finding: good with the text, or a problem with what went wrong and how to fix it.
func found(check, text string, err error, remedy string) view.Finding {
	if err != nil {
		return view.Finding{Check: check, State: view.StateProblem, Text: err.Error(), Remedy: remedy}
	}
	return view.Finding{Check: check, State: view.StateGood, Text: text}
}

func (h *Services) checkDatabase(ctx context.Context) view.Finding {
	begun := time.Now()
	err := h.DB.Write(ctx)
	return found("database", fmt.Sprintf("takes writes, within %s", time.Since(begun).Round(time.Millisecond)), err,
		"Check the database's log, its disk, and storage.dsn.")
}

func (h *Services) checkClock(ctx context.Context) view.Finding {
	skew, err := health.Skew(ctx, h.DB.Clock)
	if err == nil && skew.Abs() > health.SkewLimit {
		err = fmt.Errorf("this machine's clock is %s ahead of the database's", -skew)
	}
	if err == nil {
		var seen, held time.Time
		if seen, held, err = h.DB.ClockSeen(ctx); err == nil {
			err = health.Leapt(seen, held, time.Now())
		}
	}
	return found("clock", "this machine's clock and the database's agree", err,
		"Synchronize the clocks of this machine and the database (NTP).")
}

func (h *Services) checkKeys(ctx context.Context) view.Finding {
	const remedy = "Make a signing key on the page of signing keys, or by signet key rotate."
	if err := h.signs(ctx); err != nil {
		return found("keys", "", err, remedy)
	}
	all, err := h.Keys.List(ctx)
	var algs []string
	for _, k := range all {
		if k.State == "active" {
			algs = append(algs, k.Alg)
		}
	}
	return found("keys", "tokens are signed; active: "+strings.Join(algs, ", "), err, remedy)
}

func (h *Services) checkSchema(context.Context) view.Finding {
	if note := h.schemaNoted.Load(); note != nil {
		return view.Finding{Check: "schema", State: view.StateNotice, Text: *note,
			Remedy: "Update every replica to the same release; where something is missing, do what the text says."}
	}
	return found("schema", "is this release's", nil, "")
}

func (h *Services) checkMail(ctx context.Context) view.Finding {
	if h.Outbox == nil {
		return view.Finding{Check: "mail", State: view.StateNotice, Text: "none is sent: addresses stay unverified, and nobody can reset a " +
			"password alone", Remedy: "Set up mail.from and mail.smtp, and try them with signet mail test."}
	}
	waiting, failed, _, err := h.DB.CountMessages(ctx)
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d given up, %d waiting", failed, waiting)
	}
	return found("mail", fmt.Sprintf("%d waiting, none given up", waiting), err,
		"Check the failed emails: each has the mail server's response. Then send them again or discard them.")
}

func (h *Services) checkBackup(context.Context) view.Finding {
	c := h.Config
	last := h.lastBackup.Load()
	switch {
	case c.Storage.DSN.SQLitePath() == "":
		return found("backup", "is the database's own", nil, "")
	case !c.Backup.Scheduled():
		return view.Finding{Check: "backup", State: view.StateNotice, Text: "none is made on schedule",
			Remedy: "Set backup.to and backup.every."}
	case last == nil:
		return view.Finding{Check: "backup", State: view.StateNotice, Text: "nobody has looked yet since this process was started",
			Remedy: "Wait a minute, and look again."}
	case time.Since(*last) > 2*c.Backup.Every:
		return found("backup", "", fmt.Errorf("the newest is %s old", time.Since(*last).Round(time.Minute)),
			"Look for \"job failed\" in the log, and try signet backup on the host.")
	}
	return found("backup", "the newest is "+time.Since(*last).Round(time.Minute).String()+" old", nil, "")
}

// mostEnding is how many keys that end soon a finding names.
const mostEnding = 5

func (h *Services) checkAPIKeys(ctx context.Context) view.Finding {
	list, err := apikey.Service{Store: h.DB, Lists: h.DB}.Ending(ctx, mostEnding)
	if err != nil || len(list) == 0 {
		return found("api keys", "none ends within two weeks", err, "Check the database's log.")
	}
	var texts []string
	for _, k := range list {
		texts = append(texts, fmt.Sprintf("%s of %s on %s", k.ID, k.ClientID, k.ExpiresAt.Format(time.DateOnly)))
	}
	return view.Finding{Check: "api keys", State: view.StateNotice, Text: "some end soon: " + strings.Join(texts, ", "),
		Remedy: "Make another key of the app, give it to the program, and revoke the one before."}
}
