package adminapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
)

// bodied adds an operation whose request has a body: in has the field Body and may have Named, or Named and Condition, and nothing else.
// huma is told of the rest alone, which is one of three types, for it compiles 30 KB for each; it checks the body by the schema that is
// named here, and the body is read here.
func bodied[I, O any](api huma.API, route, id, summary string, do func(ctx context.Context, a admin.Actor, in *I) (O, error)) {
	d := declare(api, route, id, summary, typeOf[O]())
	d.takes(api, typeOf[I]())
	act := func(ctx context.Context, rest any) (*answered, error) {
		in := new(I)
		if err := read(ctx, reflect.ValueOf(in).Elem(), rest); err != nil {
			return nil, failed(ctx, err)
		}
		out, err := do(ctx, actorOf(ctx), in)
		return d.answer(ctx, out, err)
	}
	if _, is := typeOf[I]().FieldByName("Condition"); is {
		huma.Register(api, d.op, func(ctx context.Context, in *changeIn) (*answered, error) { return act(ctx, *in) })
	} else if _, is := typeOf[I]().FieldByName("Named"); is {
		huma.Register(api, d.op, func(ctx context.Context, in *Named) (*answered, error) { return act(ctx, struct{ Named }{*in}) })
	} else {
		huma.Register(api, d.op, func(ctx context.Context, _ *struct{}) (*answered, error) { return act(ctx, struct{}{}) })
	}
	d.end()
}

// takes says what the body of a request is: the field Body of the type in.
func (d *declared) takes(api huma.API, in reflect.Type) {
	field, _ := in.FieldByName("Body")
	hint := d.op.OperationID + "Request"
	if in.Name() != "" {
		hint = in.Name() + field.Name
	}
	body := &huma.MediaType{Schema: huma.SchemaFromField(api.OpenAPI().Components.Schemas, field, hint)}
	d.op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": body}}
	if d.op.Method == http.MethodPatch { // programs that do not know the type of a merge patch call it JSON
		d.op.RequestBody.Content["application/merge-patch+json"] = body
	}
}

// read fills an input: what huma has read of a request, and its body, which it has checked.
func read(ctx context.Context, in reflect.Value, rest any) error {
	from := reflect.ValueOf(rest)
	for i := range from.NumField() {
		in.FieldByName(from.Type().Field(i).Name).Set(from.Field(i))
	}
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if err := json.Unmarshal(x.sent, in.FieldByName("Body").Addr().Interface()); err != nil { // like a number that no field holds
		return problemOf(http.StatusUnprocessableEntity, "", []error{&huma.ErrorDetail{Location: "body", Message: err.Error()}})
	}
	return nil
}
