// Package seals makes changes of the audit log show. A job seals what has been written since the seal before: the digests of the events,
// and a head that is a MAC over them and the head before, under a key that the master key seals. Whoever writes into the database can
// change an event, but not its seal. The newest head belongs where they cannot write, too: the log has it.
//
// Retention deletes what was sealed, a seal at a time; seals stay and say so. Begin with Keeper.Seal and Keeper.Verify.
package seals
