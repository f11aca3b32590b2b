// Package transfer copies all rows of a database into another one, of the same engine or the other, and proves that they arrived.
//
// Move is for good: the database itself refuses every write to the source from the beginning on (triggers, which any release obeys), so
// nothing that was acknowledged is lost, and the target carries a version that every release refuses until the last row was compared. Each
// step can be killed and run again. Unfreeze gives the source back. Begin reading with Move.
package transfer
