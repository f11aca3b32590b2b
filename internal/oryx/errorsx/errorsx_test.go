package errorsx

import (
	"fmt"
	"testing"

	"github.com/pkg/errors"
)

type hollow struct{ error }

func (hollow) Cause() error { return nil }

func TestCause(t *testing.T) {
	root := fmt.Errorf("root")
	end := hollow{root}
	for name, c := range map[string]struct{ err, want error }{
		"nil":                {nil, nil},
		"without":            {root, root},
		"wrapped twice":      {errors.WithStack(errors.Wrap(root, "more")), root},
		"a cause of nil":     {end, end},
		"up to one of nil":   {errors.WithStack(end), end},
		"not through Unwrap": {fmt.Errorf("more: %w", root), nil},
	} {
		want := c.want
		if name == "not through Unwrap" {
			want = c.err
		}
		if got := Cause(c.err); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestWithStackOnce(t *testing.T) {
	if WithStack(nil) != nil {
		t.Error("nil became an error")
	}
	once := WithStack(fmt.Errorf("root"))
	if _, ok := once.(StackTracer); !ok {
		t.Errorf("%T has no stack", once)
	}
	if WithStack(once) != once {
		t.Error("a second stack")
	}
	if !errors.Is(once, Cause(once)) {
		t.Error("what is wrapped is not found")
	}
}
