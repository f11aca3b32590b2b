package adminapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"signet/admin"
)

// toolPage is how much a list has that a tool shows: a model reads all of it.
const toolPage = 20

type referenceIn struct {
	Reference string `json:"reference" jsonschema:"ten letters and digits from an error page, the log or an event, like 7F3K-92QD-MX"`
}

type findIn struct {
	Text string `json:"text" jsonschema:"the beginning of an email address or user name"`
	Next string `json:"next,omitempty" jsonschema:"next of the answer before, for more of the list"`
}

type whoIn struct {
	Person string `json:"person" jsonschema:"id, email address or user name"`
}

type nextIn struct {
	Next string `json:"next,omitempty" jsonschema:"next of the answer before, for more of the list"`
}

type appIn struct {
	ClientID string `json:"client_id"`
}

type eventSearch struct {
	Event     string `json:"event,omitempty" jsonschema:"name like signin.failed; one that ends in a dot is every event that begins so"`
	Outcome   string `json:"outcome,omitempty" jsonschema:"ok or a word that says what went wrong"`
	UserID    string `json:"user_id,omitempty" jsonschema:"whom they are about"`
	ClientID  string `json:"client_id,omitempty"`
	ActorID   string `json:"actor_id,omitempty" jsonschema:"who acted"`
	Reference string `json:"reference,omitempty" jsonschema:"of the request that wrote them"`
	Since     string `json:"since,omitempty" jsonschema:"a time like 2026-05-01T12:00:00Z"`
	Next      string `json:"next,omitempty" jsonschema:"next of the answer before, for older ones"`
}

type nothingIn struct{}

// toolEvent is an event whose own name cannot be taken for somebody's.
type toolEvent struct {
	ID        string          `json:"id"`
	At        time.Time       `json:"at"`
	Event     string          `json:"event"`
	Outcome   string          `json:"outcome"`
	ActorID   string          `json:"actor_id,omitempty"`
	ActorKind string          `json:"actor_kind,omitempty"`
	UserID    string          `json:"user_id,omitempty"`
	ClientID  string          `json:"client_id,omitempty"`
	SessionID string          `json:"session_id,omitempty"`
	Network   string          `json:"network,omitempty"`
	Agent     string          `json:"agent,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
	Detail    json.RawMessage `json:"detail,omitempty"`
}

func toolEvents(list []admin.Event) []toolEvent {
	out := []toolEvent{}
	for _, e := range list {
		out = append(out, toolEvent{e.ID, e.At, e.Name, e.Outcome, e.ActorID, e.ActorKind, e.UserID, e.ClientID, e.SessionID, e.Network, e.Agent,
			e.RequestID, e.Detail})
	}
	return out
}

// toolPerson is one with what a question about a sign-in is about.
type toolPerson struct {
	admin.Person
	Factors  *admin.Factors  `json:"factors"`
	Sessions []admin.Session `json:"sessions,omitempty"`
}

// readTools adds those that look.
func (h *Handler) readTools(ctx context.Context, s *mcp.Server) {
	acts := h.o.Acts
	readTool(ctx, s, "explain_refusal", "Why did this sign-in fail?",
		"Says why the request of a reference was refused: what was checked in order, which check failed, what mends it, and its audit events.",
		func(ctx context.Context, a admin.Actor, in referenceIn) (any, error) {
			e, err := acts.Explain(ctx, a, in.Reference)
			return map[string]any{"trace": e.Trace, "steps": e.Steps, "found": e.Found, "remedy": e.Remedy, "events": toolEvents(e.Events)}, err
		})
	readTool(ctx, s, "find_people", "Find people", "Finds people by the beginning of their email address or user name.",
		func(ctx context.Context, a admin.Actor, in findIn) (any, error) {
			return acts.People(ctx, a, in.Text, admin.Ask{After: in.Next, Limit: toolPage})
		})
	readTool(ctx, s, "show_person", "Show a person",
		"Shows a person: state of the account, groups, roles, ways to sign in and live sessions. No password or secret is in it.",
		func(ctx context.Context, a admin.Actor, in whoIn) (any, error) {
			p, err := acts.Person(ctx, a, in.Person)
			if err != nil {
				return nil, err
			}
			shown := toolPerson{Person: p}
			factors, err := acts.Factors(ctx, a, p.ID)
			if err != nil {
				return nil, err
			}
			shown.Factors = &factors
			if a.Holds[admin.SessionsRead] {
				shown.Sessions, err = acts.Sessions(ctx, a, p.ID)
			}
			return shown, err
		})
	readTool(ctx, s, "list_apps", "List apps", "Lists apps (OAuth clients); those of the configuration come first.",
		func(ctx context.Context, a admin.Actor, in nextIn) (any, error) {
			return acts.Clients(ctx, a, admin.Ask{After: in.Next, Limit: toolPage})
		})
	readTool(ctx, s, "show_app", "Show an app", "Shows the registration of an app: addresses, grants, scopes. No secret is in it.",
		func(ctx context.Context, a admin.Actor, in appIn) (any, error) {
			return acts.Client(ctx, a, in.ClientID)
		})
	readTool(ctx, s, "search_events", "Search the audit log", "Lists audit events, newest first, that fit everything that is given.",
		func(ctx context.Context, a admin.Actor, in eventSearch) (any, error) {
			f := admin.EventFilter{Name: in.Event, Outcome: in.Outcome, ActorID: in.ActorID, UserID: in.UserID, ClientID: in.ClientID,
				Reference: in.Reference}
			if in.Since != "" {
				at, err := time.Parse(time.RFC3339, in.Since)
				if err != nil {
					return nil, &admin.Invalid{Fields: []admin.Field{{Name: "since", Text: "is no time like 2026-05-01T12:00:00Z"}}}
				}
				f.Since = at
			}
			page, err := acts.Events(ctx, a, f, admin.Ask{After: in.Next, Limit: toolPage})
			return map[string]any{"items": toolEvents(page.Items), "next": page.Next}, err
		})
	readTool(ctx, s, "server_health", "Is the server well?", "Says whether the database, keys and clock of this replica are well.",
		func(ctx context.Context, a admin.Actor, _ nothingIn) (any, error) {
			if !a.Holds[admin.AuditRead] {
				return nil, &admin.Refused{Act: "Health", Missing: []admin.Permission{admin.AuditRead}}
			}
			return h.o.Tools.Health(ctx), nil
		})
	readTool(ctx, s, "server_statistics", "Numbers of the server",
		"Counters and levels of this replica since it started: sign-ins, tokens, requests, refusals; as its metrics have them.",
		func(_ context.Context, a admin.Actor, _ nothingIn) (any, error) {
			if !a.Holds[admin.AuditRead] {
				return nil, &admin.Refused{Act: "Statistics", Missing: []admin.Permission{admin.AuditRead}}
			}
			return h.o.Tools.Numbers()
		})
}
