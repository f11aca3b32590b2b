// Package mail sends emails to people: an email is written into the outbox in the transaction of the fact it tells of, and
// delivered from there, with retries, by whichever replica is quickest.
//
// An email in the outbox is sealed as a whole, because it may hold a link or a code: a copy of the database alone opens
// nothing. What an email says is decided when it is delivered, from its kind, its language and its words; this package knows
// neither texts nor HTML (server/pages does) nor whom to tell what (users does). Begin with Outbox.Put and Delivery.Run.
package mail
