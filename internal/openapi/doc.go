// Package openapi holds an API to its document (OpenAPI 3.1): it judges requests and answers by it, and makes requests of it, good ones and
// spoilt ones, for tests that ask whatever a stranger to the code could ask.
//
// It knows the part of JSON Schema that the document of administrators uses, and refuses a document with more: what is not understood is
// not checked. Begin reading with Parse, then Document.Judge; what makes requests is Operation.Make.
package openapi
