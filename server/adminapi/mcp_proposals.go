package adminapi

import (
	"context"

	"signet/admin"
	"signet/admin/proposals"
	"signet/internal/mcp"
)

// toolProposal is a proposal as the model has it.
type toolProposal struct {
	proposals.Proposal
	ConfirmAt string `json:"confirm_at"`
	WhatNow   string `json:"what_now"`
}

// whatNow says what came of a proposal.
var whatNow = map[string]string{
	"pending":  "Nothing is done yet. Ask the person to open confirm_at, read what it says, and confirm or refuse it there.",
	"approved": "The person confirmed it, and it is done.", "denied": "The person refused it. Do not propose it again.",
	"expired": "The person did not decide in time, and nothing was done.",
}

func (h *Handler) shownProposal(p proposals.Proposal) toolProposal {
	return toolProposal{p, h.o.Tools.ConfirmAt + "/" + p.ID, whatNow[p.State]}
}

// proposalTools are those that ask the person for an act. They do nothing themselves.
func (h *Handler) proposalTools() []mcp.Tool {
	const tail = " Nothing is done before the person has confirmed it on their own page, in 15 minutes."
	var all []mcp.Tool
	for _, act := range proposals.Acts() {
		said := proposed[act]
		target := required("target", "id, email address or user name of the person")
		if act.OfApp() {
			target = required("target", "client_id of the app")
		}
		hints := mcp.Hints{Destructive: act.Ends(), Idempotent: true}
		all = append(all, tool("propose_"+string(act), said[0], said[1]+tail, hints, []mcp.Param{target},
			func(ctx context.Context, a admin.Actor, in map[string]string) (any, error) {
				p, err := h.o.Tools.Proposals.Make(ctx, a, clientOf(ctx), act, in["target"])
				if err != nil {
					return nil, err
				}
				return h.shownProposal(p), nil
			}))
	}
	return append(all, readTool("proposal_status", "What became of a proposal", "Says whether the person has confirmed or refused it.",
		[]mcp.Param{required("id", "id of a proposal, from the tool that made it")},
		func(ctx context.Context, a admin.Actor, in map[string]string) (any, error) {
			p, err := h.o.Tools.Proposals.State(ctx, a, clientOf(ctx), in["id"])
			if err != nil {
				return nil, err
			}
			return h.shownProposal(p), nil
		}))
}

// proposed are the title of each act and what it does.
var proposed = map[proposals.Act][2]string{
	proposals.DisablePerson: {"Propose to disable a person", "They are signed out everywhere and cannot sign in."},
	proposals.EnablePerson:  {"Propose to enable a person", "They can sign in again."},
	proposals.EndSessions:   {"Propose to end a person's sessions", "They have to sign in again in all browsers."},
	proposals.DisableApp:    {"Propose to disable an app", "Every request and token of it is refused until it is enabled."},
	proposals.EnableApp:     {"Propose to enable an app", "Its requests are taken again."},
}

// clientOf is the client that calls a tool.
func clientOf(ctx context.Context) string {
	c, _ := ctx.Value(toolKey{}).(toolCaller)
	return c.client
}
