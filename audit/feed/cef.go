package feed

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"signet/storage"
)

// cef is an event in the Common Event Format, version 0.
func cef(e storage.Event) string {
	var out strings.Builder
	fmt.Fprintf(&out, "CEF:0|Signet|Signet|1|%s|%s|%d|", inHead(e.Name), inHead(strings.NewReplacer(".", " ", "_", " ").Replace(e.Name)),
		severity(e)*2)
	pair := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%s=%s ", key, inExtension(value))
		}
	}
	labelled := func(n int, label, value string) {
		if value != "" {
			pair(fmt.Sprintf("cs%d", n), value)
			pair(fmt.Sprintf("cs%dLabel", n), label)
		}
	}
	pair("rt", fmt.Sprint(e.At.UnixMilli()))
	pair("externalId", e.ID)
	pair("outcome", e.Outcome)
	pair("suid", e.ActorID)
	pair("duid", e.UserID)
	pair("requestClientApplication", e.Agent)
	labelled(1, "clientId", e.ClientID)
	labelled(2, "network", e.Network)
	labelled(3, "requestId", e.RequestID)
	labelled(4, "sessionId", e.SessionID)
	labelled(5, "grantId", e.GrantID)
	labelled(6, "actorKind", e.ActorKind)
	if len(e.Detail) > 0 && json.Valid(e.Detail) && string(e.Detail) != "{}" {
		pair("msg", string(e.Detail))
	}
	return strings.TrimSuffix(out.String(), " ") + "\n"
}

var (
	headEscapes      = strings.NewReplacer(`\`, `\\`, "|", `\|`, "\n", " ", "\r", " ")
	extensionEscapes = strings.NewReplacer(`\`, `\\`, "=", `\=`, "\n", `\n`, "\r", `\r`)
)

func inHead(s string) string      { return visible(headEscapes.Replace(s)) }
func inExtension(s string) string { return visible(extensionEscapes.Replace(s)) }

// visible has a blank for what some readers take for the end of a line, or a terminal for an order.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, s)
}
