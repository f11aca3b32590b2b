// Package webhook tells audit events to other systems, as Standard Webhooks 1.0 says: signed, at least once, with the id of the event in
// each try. The log is followed beside the requests that write it, so that no request waits for a receiver. Begin with Service.Follow,
// which puts what an endpoint wants into the outbox, and Service.Send, which the outbox sends by.
package webhook
