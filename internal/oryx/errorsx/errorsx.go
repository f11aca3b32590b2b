// Package errorsx is what fosite asks of the package of this path in github.com/ory/x: docs/decisions/0009.
package errorsx

import "github.com/pkg/errors"

// Cause follows Cause methods to the error that has none, or whose cause is nil.
func Cause(err error) error {
	for err != nil {
		c, ok := err.(interface{ Cause() error })
		if !ok {
			return err
		}
		next := c.Cause()
		if next == nil {
			return err
		}
		err = next
	}
	return nil
}

// StackTracer is an error that knows where it was made.
type StackTracer interface {
	StackTrace() errors.StackTrace
}

// WithStack returns err with the calls that led here, or as it is if it has some.
func WithStack(err error) error {
	if t, ok := err.(StackTracer); ok && len(t.StackTrace()) > 0 {
		return err
	}
	return errors.WithStack(err)
}

type (
	// StatusCodeCarrier is an error that knows its HTTP status.
	StatusCodeCarrier interface{ StatusCode() int }
	// RequestIDCarrier is an error that knows the request it belongs to.
	RequestIDCarrier interface{ RequestID() string }
	// ReasonCarrier is an error that says why, for the caller.
	ReasonCarrier interface{ Reason() string }
	// DebugCarrier is an error that says more, for the log.
	DebugCarrier interface{ Debug() string }
	// StatusCarrier is an error that knows its HTTP status in words.
	StatusCarrier interface{ Status() string }
)
