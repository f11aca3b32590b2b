// Package users owns people: who they are, how they come to have an account, and how they prove who they are.
//
// Service is the one set of acts that pages, the password grant and the commands share: register, sign in, change or set a
// password, change claims, disable, end what a person let in. Rules live here and nowhere else: who may register (signup.go),
// how guessing is slowed down (throttle.go). Packages beneath own the rest: identifier what an address and a user name may be,
// profile what a name and the other claims may be, password the rules and the form of passwords, session the browsers signed in,
// factor and passkey the other ways to prove it, recovery what to do when those are lost, deletion and export what people may
// ask for with their data, importer the files of people from other products, federation the accounts at other providers.
//
// It never imports the protocol (oauth/...): they meet in server. Begin with Service.SignIn.
package users
