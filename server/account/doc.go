// Package account is the room where people look after their account: who they are, their password, the browsers they are
// signed in in, the apps they let in, and a notice when something was off.
//
// Whatever a form names is looked up together with its owner: somebody else's is as unknown as what never was (404). The
// acts themselves are those of packages users and session. Begin with Handler.show.
package account
