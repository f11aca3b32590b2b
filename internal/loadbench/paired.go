package main

import (
	"math"
	"slices"
)

// interval is the median of numbers and where it lies with 95 % certainty.
type interval struct{ low, median, high float64 }

// medianOf takes the range from the order of the numbers alone (the sign test): whatever they are distributed like, each lies above
// the true median as often as below it. The range holds at least 95 %; fewer than 6 numbers have none that does, and get all there is.
func medianOf(numbers []float64) interval {
	n := len(numbers)
	if n == 0 {
		return interval{}
	}
	s := slices.Sorted(slices.Values(numbers))
	mid := s[n/2]
	if n%2 == 0 {
		mid = (s[n/2-1] + s[n/2]) / 2
	}
	k := signRank(n)
	return interval{low: s[k], median: mid, high: s[n-1-k]}
}

// signRank is how many of n numbers in order are left out at each end: the most for which a fair coin that is thrown n times shows
// so few heads, or fewer, with a chance of at most 2.5 %.
func signRank(n int) int {
	chance := math.Ldexp(1, -n) // of k heads
	below := chance
	for k := range n {
		chance *= float64(n-k) / float64(k+1)
		if below+chance > 0.025 {
			return k
		}
		below += chance
	}
	return 0
}

// pair is two measurements of the same kind of request, one right after the other.
type pair struct{ older, newer reading }

// ratios of what the newer takes to what the older takes.
func ratios(pairs []pair, of func(reading) float64) []float64 {
	all := make([]float64, 0, len(pairs))
	for _, p := range pairs {
		all = append(all, of(p.newer)/of(p.older))
	}
	return all
}

func cpuOfUnit(r reading) float64  { return float64(r.cpu) }
func wallOfUnit(r reading) float64 { return 1 / r.perSecond }
