package mail

import (
	"fmt"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// wire is an address as SMTP carries it: its domain by A-labels (RFC 5891), which every server takes. utf8 reports that its local part
// needs SMTPUTF8 (RFC 6531) all the same.
func wire(address string) (ascii string, utf8 bool, err error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return "", false, fmt.Errorf("address without a domain")
	}
	local, domain := address[:at], address[at+1:]
	if !isASCII(domain) {
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return "", false, fmt.Errorf("domain of the address: %w", err)
		}
	}
	return local + "@" + domain, !isASCII(local), nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// wired is an address with its name, as headers carry it.
func wired(text string) (address *mail.Address, utf8 bool, err error) {
	if address, err = mail.ParseAddress(text); err != nil {
		return nil, false, err
	}
	address.Address, utf8, err = wire(address.Address)
	return address, utf8, err
}
