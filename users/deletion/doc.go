// Package deletion owns the end of an account: asking for it, the grace time in which it can be cancelled, and the erasure.
//
// What is asked for ends all sessions and grants at once; the rows go when the grace time is over, in a job that runs
// EraseDue. Audit events stay and name the person by an id that is never given again. It does not own disabling an account
// (users.Service) nor which tables hold something about a person (storage.DB.EraseUser).
//
// Begin with Service.Request.
package deletion
