// Package outbox keeps what other servers are to be told until they have taken it. An item is written in the transaction of the fact it
// tells of, and sent by whichever replica is quickest, at least once: again after an error, ever more seldom, until it is given up.
//
// Each kind of item has a sender, which makes what is sent at the moment of sending, and says what an answer means. Begin with Outbox.Put
// and Delivery.Run.
package outbox
