package request

import "testing"

// TestRFC9396_3_InARequestObject: there it is JSON, and not a text that holds JSON.
func TestRFC9396_3_InARequestObject(t *testing.T) {
	form, err := parameters([]byte(`{"authorization_details":[{"type":"a","amount":{"value":"1.50"}}]}`))
	if got := form.Get(paramDetails); err != nil || got != `[{"amount":{"value":"1.50"},"type":"a"}]` {
		t.Errorf("%s, %v", got, err)
	}
}
