// Package details reads authorization details (RFC 9396): what an app wants to do, field by field, in JSON that strangers send.
//
// Parse knows the form alone. Which fields a type has, who may ask for it and how it is read are the resource's (clients.DetailsType);
// Judge compares. What is kept is written anew from what was understood, so that nothing that was not judged goes on. Begin with Parse.
package details
