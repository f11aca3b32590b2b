// Package account has the pages where people look after their account: who they are, their password, the browsers they are
// signed in in, the apps they let in, what happened to it, and a notice when something was off. A page has a file of its own.
//
// Whatever a form names is looked up together with its owner: somebody else's is as unknown as what never was (404). The
// acts themselves are those of packages users and session. Begin with Handler.overview.
package account
