package pages

import (
	"time"

	"signet/server/pages/acting"
)

// Device asks for the code that a device shows (RFC 8628 section 3.3). Problem is "newdevice.missing", "newdevice.throttled" or
// "newdevice.second_step".
type Device struct {
	Person  Person
	Typed   string // before
	Problem string // message id, "" = none
}

// DeviceConfirm asks what is to become of the device that shows the code.
type DeviceConfirm struct {
	App           App
	Person        Person
	Code          string // in groups
	Action        string
	NotYouURL     string
	Network       string // where the device asked from
	Near          bool   // … which is the network of this browser, too
	Agent         string // with which program
	AskedAt       time.Time
	Fixed         []ScopeLine // "will be able to"
	Choices       []ScopeLine // "you choose"
	Before        []ScopeLine // what was allowed before, and stays: comes back with the answer
	Kept          *acting.Line
	Acts          *acting.Choice
	Details       []DetailsLine
	DetailsDigest string   // comes back with the answer
	Question      string   // … so does what it is an answer to
	Resources     []string // names of the APIs that the app says it will call
	Nothing       bool     // the answer allowed nothing: ask again
	AccountURL    string
}

// DeviceDone says what came of it.
type DeviceDone struct {
	Person     Person
	Allowed    bool
	AccountURL string // where apps are removed
}

// Template of the page.
func (Device) Template() string { return "device" }

// Title of the page.
func (Device) Title() string { return "newdevice.title" }
func (p Device) wrong() bool { return p.Problem != "" }

// Template of the page.
func (DeviceConfirm) Template() string { return "device_confirm" }

// Title of the page.
func (DeviceConfirm) Title() string      { return "newdevice.page" }
func (p DeviceConfirm) titleArgs() []any { return []any{"App", p.App.Name} }

// Template of the page.
func (DeviceDone) Template() string { return "device_done" }

// Title of the page.
func (p DeviceDone) Title() string {
	if p.Allowed {
		return "newdevice.allowed"
	}
	return "newdevice.denied"
}
