// Package acting is what pages show of apps that act for people by themselves: agents.
package acting

import "time"

// Choice is what a person agrees on with an app that acts for them by itself: for how many days, and how many calls a day; 0 = any
// number.
type Choice struct {
	Days, Calls []int
	Day, Call   int // chosen
	Paused      bool
	Until       time.Time // what was agreed before; zero = nothing
}

// Line is what was agreed on with a connected app that acts by itself.
type Line struct {
	Until    time.Time
	Over     bool // it is past
	Paused   time.Time
	Calls    int      // a day; 0 = any number
	PassesTo []string // names of the apps that may act in its place
}
