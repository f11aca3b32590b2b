package mail

import (
	"errors"
	"slices"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// lost reports whether what the server answered is about the recipient, for good: then the email is given up. All else (a 4yz answer, no
// connection, our login, our sender address, our content, a server that does not relay for us) may be fixed, here or there, and the email
// waits for it (RFC 5321 section 4.2.1, RFC 3463 section 3).
func lost(err error) bool {
	no, ok := errors.AsType[*gomail.SendError](err)
	if !ok || no.IsTemp() || no.ErrorCode() < 500 {
		return false
	}
	switch no.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
	default:
		return false
	}
	if status := no.EnhancedStatusCode(); status != "" {
		return aboutRecipient(status)
	}
	// Mailbox unavailable, user not local, mailbox full, mailbox name not allowed.
	return no.Reason == gomail.ErrSMTPRcptTo && slices.Contains([]int{550, 551, 552, 553}, no.ErrorCode())
}

// aboutRecipient reports whether an enhanced status is about the mailbox or how it is reached. 5.1.7 and 5.1.8 are about the sender.
func aboutRecipient(status string) bool {
	switch status {
	case "5.1.7", "5.1.8":
		return false
	case "5.4.1", "5.4.4", "5.7.17", "5.7.18": // no answer from there, no route, mailbox has another owner (RFC 7293)
		return true
	}
	return strings.HasPrefix(status, "5.1.") || strings.HasPrefix(status, "5.2.")
}
