// Package owner makes files as os does, and where root makes one in a folder of another account, that account gets it: a command that an
// administrator runs beside the service leaves nothing behind that the service cannot open.
//
// Root follows no link that lies in such a folder under the name it opens, and changes the owner of what it has open, never of a path:
// whoever may write there could have put another file in its place. A file that is there keeps its owner. It is no protection for root's
// commands as a whole: folders further up may be links, and SQLite opens by path. Begin with Open.
package owner
