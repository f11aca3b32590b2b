// Package apicheck sends an API what it has to refuse, and reads what it has to say about itself: the harmless part of what forgers try. It
// asks only by GET, and no token that it sends is good for anything, but the one that it was given. Begin reading with Run.
package apicheck
