package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// dashed lets ids begin with a dash, as key ids may: such words are put behind "--", with all other arguments, so that they are not
// taken for flags.
func dashed(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil || !cmd.Runnable() {
		return args
	}
	depth := strings.Count(cmd.CommandPath(), " ")
	var front, behind []string
	found := false
	for i := 0; i < len(args); i++ {
		word := args[i]
		flag := flagOf(cmd, word)
		switch {
		case word == "--":
			behind = append(behind, args[i+1:]...)
			i = len(args)
		case flag != nil:
			front = append(front, word)
			if flag.NoOptDefVal == "" && !strings.Contains(word, "=") && i+1 < len(args) { // the next word is its value
				i++
				front = append(front, args[i])
			}
		case !strings.HasPrefix(word, "-") && depth > 0:
			depth--
			front = append(front, word)
		case !strings.HasPrefix(word, "-") || word == "-":
			behind = append(behind, word)
		case isID(word):
			found = true
			behind = append(behind, word)
		default: // a mistyped flag, or help
			front = append(front, word)
		}
	}
	if !found {
		return args
	}
	return append(append(front, "--"), behind...)
}

// flagOf is the flag that a word names; nil if it names none.
func flagOf(cmd *cobra.Command, word string) *pflag.Flag {
	name, long := strings.CutPrefix(word, "--")
	if !long || name == "" {
		return nil
	}
	name, _, _ = strings.Cut(name, "=")
	return cmd.Flag(name)
}

// isID reports whether a word with a dash in front can be no flag: flags have two dashes and are written in lower case, -h is the only
// short one.
func isID(word string) bool {
	if !strings.HasPrefix(word, "--") {
		return word != "-h" && len(word) > 2
	}
	return len(word) > 12 && strings.ContainsAny(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") && !strings.Contains(word, "=")
}
