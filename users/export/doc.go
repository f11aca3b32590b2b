// Package export owns the document with all that is stored about one person, which they may download.
//
// It owns which fields are in it, not how it is delivered: server/account asks for fresh proof of who the person is, and writes
// it as JSON. The document is not made for an import; users/importer reads files of another form.
//
// Begin with Service.Make and the type Document.
package export
