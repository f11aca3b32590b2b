package adminapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/internal/ratelimit"
	"signet/server/web"
	"signet/server/web/problem"
)

// answered is what every operation answers with. It is one type for all of them, for huma compiles some 15 KB anew for each pair
// of types that it is given: documented says of which type Body is.
type answered struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     any
}

// nothing is the answer of what was done and has nothing to show.
type nothing struct{}

// Paging is which part of a list is wanted. Its name is exported for huma, which looks into embedded structs of such names only.
type Paging struct {
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many."`
	After string `query:"after" maxLength:"512" doc:"next of the part before."`
}

func (p Paging) ask() admin.Ask { return admin.Ask{After: p.After, Limit: p.Limit} }

// Named names a thing in the path.
type Named struct {
	ID string `path:"id" maxLength:"600"`
}

// Condition is what a change demands of the state that it changes.
type Condition struct {
	IfMatch string `header:"If-Match" doc:"The ETag of what was read, or * for any state."`
}

// match is the tag to compare; without the header nothing is changed (RFC 6585 section 3).
func (c Condition) match() (string, error) {
	tag := strings.TrimSpace(c.IfMatch)
	if tag == "" {
		return "", web.NewProblem(problem.PreconditionRequired, "Send If-Match with the ETag of what you read, or * for any state.")
	}
	if strong, ok := strings.CutPrefix(tag, `"`); ok && strings.HasSuffix(strong, `"`) && len(strong) > 1 && strong != `*"` {
		return strong[:len(strong)-1], nil
	}
	return tag, nil // * alone fits; what is weak or no entity tag fits nothing (RFC 9110 section 13.1.1)
}

// operation adds one: METHOD PATH, a summary, and what it does for its caller. One with a body is added by bodied.
func operation[I, O any](api huma.API, route, id, summary string, do func(ctx context.Context, a admin.Actor, in *I) (O, error)) {
	d := declare(api, route, id, summary, typeOf[O]())
	huma.Register(api, d.op, func(ctx context.Context, in *I) (*answered, error) {
		out, err := do(ctx, actorOf(ctx), in)
		return d.answer(ctx, out, err)
	})
	d.end()
}

// declared is an operation while it is added.
type declared struct {
	op   huma.Operation
	none bool // its answer has no body
}

// declare begins one that answers with a type.
func declare(api huma.API, route, id, summary string, answer reflect.Type) *declared {
	method, path, _ := strings.Cut(route, " ")
	d := &declared{none: answer == typeOf[nothing](), op: huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{strings.Split(path, "/")[1]},
	}}
	if created := method == http.MethodPost && !strings.Contains(path, "{"); created {
		d.op.DefaultStatus = http.StatusCreated
	}
	if method == http.MethodPost {
		d.op.Parameters = append(d.op.Parameters, repeats)
	}
	describe(api, &d.op)
	if d.none {
		d.op.DefaultStatus = http.StatusNoContent
	} else {
		documented(api, &d.op, answer)
	}
	return d
}

// end corrects what huma says of an operation that it has added.
func (d *declared) end() {
	if d.none {
		no := strconv.Itoa(http.StatusNoContent)
		d.op.Responses[no] = &huma.Response{Description: http.StatusText(http.StatusNoContent)}
	}
}

// answer is what an operation answers with that made out, or failed.
func (d *declared) answer(ctx context.Context, out any, err error) (*answered, error) {
	if err != nil || d.none {
		return nil, failed(ctx, err)
	}
	a := &answered{Body: out}
	if strings.Contains(d.op.Path, "{") && d.op.Method != http.MethodPost {
		a.ETag = `"` + admin.Tag(out) + `"`
	}
	return a, nil
}

// documented says of which type the body of the answer is.
func documented(api huma.API, op *huma.Operation, body reflect.Type) {
	schema := api.OpenAPI().Components.Schemas.Schema(body, true, op.OperationID+"Response")
	op.Responses[strconv.Itoa(cmp.Or(op.DefaultStatus, http.StatusOK))] = &huma.Response{
		Content: map[string]*huma.MediaType{"application/json": {Schema: schema}},
	}
}

// demanded says in the document that a change wants If-Match. Huma is not told, which would answer 422 where 428 is right.
func demanded(document *huma.OpenAPI) {
	for _, path := range document.Paths {
		for _, op := range []*huma.Operation{path.Post, path.Put, path.Patch, path.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				if p.Name == "If-Match" { // others are those of every server in the process
					p.Required = true
				}
			}
		}
	}
}

// optional says in the document that null stands for a member of a body that is left out, as it is read.
func optional(document *huma.OpenAPI) {
	seen := map[*huma.Schema]bool{}
	var within func(s *huma.Schema)
	within = func(s *huma.Schema) {
		if s != nil && s.Ref != "" {
			s = document.Components.Schemas.SchemaFromRef(s.Ref)
		}
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		within(s.Items)
		for name, member := range s.Properties {
			within(member)
			if !slices.Contains(s.Required, name) && member.Type != "" && !member.Nullable {
				member.Nullable = true
				if len(member.Enum) > 0 {
					member.Enum = append(member.Enum, nil)
				}
			}
		}
	}
	for _, path := range document.Paths {
		for _, op := range []*huma.Operation{path.Post, path.Put, path.Patch} {
			if op != nil && op.RequestBody != nil {
				for _, body := range op.RequestBody.Content {
					within(body.Schema)
				}
			}
		}
	}
}

// taken reports whether a body may be of a content type. Without one it is what is taken.
func taken(op *huma.Operation, contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	if op.RequestBody == nil || kind == "" {
		return true
	}
	return op.RequestBody.Content[strings.ToLower(strings.TrimSpace(kind))] != nil
}

// describe says what an operation answers that goes wrong.
func describe(api huma.API, op *huma.Operation) {
	schema := api.OpenAPI().Components.Schemas.Schema(typeOf[web.Problem](), true, "Problem")
	op.Responses = map[string]*huma.Response{"default": {
		Description: "What went wrong",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
	}}
}

func actorOf(ctx context.Context) admin.Actor {
	a, _ := ctx.Value(actorKey{}).(admin.Actor) // without one nothing is permitted
	return a
}

// failed keeps an error for the border and tells huma that there is one.
func failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		x.problem = toProblem(err)
	}
	return web.NewProblem(problem.ServerError, "")
}

// toProblem finds what an administrator's program is told of an error of package admin.
func toProblem(err error) error {
	if no, ok := errors.AsType[*admin.Refused](err); ok {
		var scopes []string
		for _, p := range no.Missing {
			scopes = append(scopes, admin.ScopePrefix+string(p))
		}
		challenge := fmt.Sprintf(`Bearer realm="signet", error="insufficient_scope", scope="%s"`, strings.Join(scopes, " "))
		return web.NewProblem(problem.Forbidden, no.Error()).Because(err).
			With("WWW-Authenticate", challenge)
	}
	if wrong, ok := errors.AsType[*admin.Invalid](err); ok {
		p := web.NewProblem(problem.Invalid, "").Because(err)
		for _, f := range wrong.Fields {
			p.Errors = append(p.Errors, web.Violation{Pointer: pointer(f.Name), Detail: f.Text})
		}
		return p
	}
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return web.NewProblem(problem.Throttled, "This was asked for too often: wait, then try again.").Because(err).
			With("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
	}
	switch {
	case errors.Is(err, admin.ErrNotFound):
		return web.NewProblem(problem.NotFound, "").Because(err)
	case errors.Is(err, admin.ErrChanged):
		return web.NewProblem(problem.Changed, "Read it again, then decide.").Because(err)
	case errors.Is(err, admin.ErrConflict):
		detail := strings.TrimPrefix(err.Error(), admin.ErrConflict.Error()+": ")
		return web.NewProblem(problem.Conflict, detail).Because(err)
	}
	return err
}
