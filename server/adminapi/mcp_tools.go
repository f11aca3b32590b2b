package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"signet/admin"
	"signet/clients"
	"signet/internal/mcp"
	"signet/storage/filter"
)

// toolPage is how much a list has that a tool shows: a model reads all of it.
const toolPage = 20

// next is how more of a list is asked for.
var next = mcp.Param{Name: "next", Description: "next of the answer before, for more of the list"}

func required(name, description string) mcp.Param {
	return mcp.Param{Name: name, Description: description, Required: true}
}

// eventParams are what events are searched by.
var eventParams = []mcp.Param{
	{Name: "event", Description: "name like signin.failed; one that ends in a dot is every event that begins so"},
	{Name: "outcome", Description: "ok or a word that says what went wrong"},
	{Name: "user_id", Description: "whom they are about"},
	{Name: "client_id"},
	{Name: "actor_id", Description: "who acted"},
	{Name: "reference", Description: "of the request that wrote them"},
	{Name: "since", Description: "a time like 2026-05-01T12:00:00Z"},
	{Name: "next", Description: "next of the answer before, for older ones"},
}

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

// shownPerson is one with what a question about a sign-in is about.
type shownPerson struct {
	admin.Person
	Factors  *admin.Factors  `json:"factors"`
	Sessions []admin.Session `json:"sessions,omitempty"`
}

// readTools are those that look.
func (h *Handler) readTools() []mcp.Tool {
	acts := h.o.Acts
	return []mcp.Tool{
		readTool("explain_refusal", "Why did this sign-in fail?",
			"Says why the request of a reference was refused: what was checked in order, which check failed, what mends it, and its audit events.",
			[]mcp.Param{required("reference", "ten letters and digits from an error page, the log or an event, like 7F3K-92QD-MX")},
			func(ctx context.Context, a admin.Actor, in map[string]string) (any, error) {
				e, err := acts.Explain(ctx, a, in["reference"])
				if err != nil {
					return nil, err
				}
				return h.toolExplained(ctx, e)
			}),
		readTool("find_people", "Find people", "Finds people by the beginning of their email address or user name.",
			[]mcp.Param{required("text", "the beginning of an email address or user name"), next},
			func(ctx context.Context, a admin.Actor, in map[string]string) (any, error) {
				return acts.People(ctx, a, filter.People{Search: in["text"]}, admin.Ask{After: in["next"], Limit: toolPage})
			}),
		readTool("show_person", "Show a person",
			"Shows a person: state of the account, groups, roles, ways to sign in and live sessions. No password or secret is in it.",
			[]mcp.Param{required("person", "id, email address or user name")},
			func(ctx context.Context, a admin.Actor, in map[string]string) (any, error) {
				return h.toolPerson(ctx, a, in["person"])
			}),
		readTool("list_apps", "List apps", "Lists apps (OAuth clients); those of the configuration come first.", []mcp.Param{next},
			func(ctx context.Context, a admin.Actor, in map[string]string) (any, error) {
				return acts.Clients(ctx, a, admin.Ask{After: in["next"], Limit: toolPage})
			}),
		readTool("show_app", "Show an app", "Shows the registration of an app: addresses, grants, scopes. No secret is in it.",
			[]mcp.Param{required("client_id", "")},
			func(ctx context.Context, a admin.Actor, in map[string]string) (any, error) {
				return acts.Client(ctx, a, in["client_id"])
			}),
		readTool("search_events", "Search the audit log", "Lists audit events, newest first, that fit everything that is given.", eventParams,
			h.toolSearch),
		readTool("server_health", "Is the server well?", "Says whether the database, keys and clock of this replica are well.", nil,
			func(ctx context.Context, a admin.Actor, _ map[string]string) (any, error) {
				if !a.Holds[admin.AuditRead] {
					return nil, &admin.Refused{Act: "Health", Missing: []admin.Permission{admin.AuditRead}}
				}
				return h.o.Tools.Health(ctx), nil
			}),
		readTool("server_statistics", "Numbers of the server",
			"Counters and levels of this replica since it started: sign-ins, tokens, requests, refusals; as its metrics have them.", nil,
			func(_ context.Context, a admin.Actor, _ map[string]string) (any, error) {
				if !a.Holds[admin.AuditRead] {
					return nil, &admin.Refused{Act: "Statistics", Missing: []admin.Permission{admin.AuditRead}}
				}
				return h.o.Tools.Numbers()
			}),
	}
}

// toolPerson shows a person, and their sessions to those who may see them.
func (h *Handler) toolPerson(ctx context.Context, a admin.Actor, who string) (any, error) {
	p, err := h.o.Acts.Person(ctx, a, who)
	if err != nil {
		return nil, err
	}
	shown := shownPerson{Person: p}
	factors, err := h.o.Acts.Factors(ctx, a, p.ID)
	if err != nil {
		return nil, err
	}
	shown.Factors = &factors
	if a.Holds[admin.SessionsRead] {
		shown.Sessions, err = h.o.Acts.Sessions(ctx, a, p.ID)
	}
	return shown, err
}

func (h *Handler) toolSearch(ctx context.Context, a admin.Actor, in map[string]string) (any, error) {
	f := admin.EventFilter{Name: in["event"], Outcome: in["outcome"], ActorID: in["actor_id"], UserID: in["user_id"],
		ClientID: in["client_id"], Reference: in["reference"]}
	if in["since"] != "" {
		at, err := time.Parse(time.RFC3339, in["since"])
		if err != nil {
			return nil, &admin.Invalid{Fields: []admin.Field{{Name: "since", Text: "is no time like 2026-05-01T12:00:00Z"}}}
		}
		f.Since = at
	}
	page, err := h.o.Acts.Events(ctx, a, f, admin.Ask{After: in["next"], Limit: toolPage})
	return map[string]any{"items": toolEvents(page.Items), "next": page.Next}, err
}

// toolExplained is why a request was refused. The id of a client that is none is what somebody sent, and may be an order to the model.
func (h *Handler) toolExplained(ctx context.Context, e admin.Explained) (any, error) {
	out := map[string]any{"steps": e.Steps, "found": e.Found, "remedy": e.Remedy, "events": toolEvents(e.Events)}
	if id := e.Trace.ClientID; id != "" {
		if _, err := h.o.Clients.Current(ctx, id); errors.Is(err, clients.ErrUnknown) {
			e.Trace.ClientID, out["sent_client_id"] = "", id
		} else if err != nil {
			return nil, err
		}
	}
	out["trace"] = e.Trace
	return out, nil
}
