// Package reseal moves what older master keys sealed to the first one on the list, and tells what is left by the id of the key, so
// that an operator knows when an older one can be taken off (rule V09).
//
// It knows the columns that hold sealed values by sealed.Column. Values made with a key derived from a master key
// (peppered passwords, MACs of client secrets) cannot be moved: they are counted, and come to the first key when they are used.
// Begin reading with Count and Move.
package reseal
