package main

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The ranks of tables of the sign test: with 15 numbers the 4th and the 12th hold 96.5 %.
func TestRangeOfAMedian(t *testing.T) {
	for n, rank := range map[int]int{5: 1, 6: 1, 8: 1, 9: 2, 12: 3, 15: 4, 17: 5, 20: 6, 25: 8, 30: 10, 40: 14, 50: 18, 101: 41} {
		var numbers []float64
		for i := range n {
			numbers = append(numbers, float64(i+1)) // the number is its own rank
		}
		rand.Shuffle(n, func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
		got := medianOf(numbers)
		if want := (interval{float64(rank), float64(n+1) / 2, float64(n + 1 - rank)}); got != want {
			t.Errorf("%d numbers: %v, want %v", n, got, want)
		}
	}
	if got := medianOf(nil); got != (interval{}) {
		t.Errorf("of nothing: %v", got)
	}
	if got := medianOf([]float64{2}); got != (interval{2, 2, 2}) {
		t.Errorf("of one: %v", got)
	}
}

// The true median lies in the range as often as the range says, whatever the numbers are distributed like.
func TestRangeHoldsTheMedian(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{"normal": r.NormFloat64, "skewed": func() float64 { return r.ExpFloat64() - math.Ln2 }} {
		const tries = 20_000
		held := 0
		for range tries {
			numbers := make([]float64, 15)
			for i := range numbers {
				numbers[i] = draw()
			}
			if got := medianOf(numbers); got.low <= 0 && 0 <= got.high {
				held++
			}
		}
		if share := float64(held) / tries; share < 0.955 || share > 0.975 { // 96.5 % in theory
			t.Errorf("%s: the range held the median in %.2f %%", name, 100*share)
		}
	}
}

func TestRatiosArePaired(t *testing.T) {
	var pairs []pair
	for i := range 15 { // the machine slows down from pair to pair, and the newer one costs 10 % more CPU and waits twice as long
		cpu := time.Duration(1000 * (i + 1))
		pairs = append(pairs, pair{older: reading{cpu: cpu, perSecond: 100 / float64(i+1)},
			newer: reading{cpu: cpu * 11 / 10, perSecond: 50 / float64(i+1)}})
	}
	cpu, wall := medianOf(ratios(pairs, cpuOfUnit)), medianOf(ratios(pairs, wallOfUnit))
	for got, want := range map[interval]float64{cpu: 1.1, wall: 2} {
		for _, v := range []float64{got.low, got.median, got.high} {
			if math.Abs(v-want) > 1e-9 {
				t.Errorf("%v, want %v throughout", got, want)
			}
		}
	}
}

func TestBoundsOfRatios(t *testing.T) {
	make15 := func(ratio func(i int) float64) (pairs []pair) {
		for i := range 15 {
			pairs = append(pairs, pair{older: reading{cpu: 1e6, perSecond: 1},
				newer: reading{cpu: time.Duration(1e6 * ratio(i)), perSecond: 1}})
		}
		return pairs
	}
	const held, free = "refresh, ID token ES256", "discovery"
	for _, c := range []struct {
		name, of string
		ratio    func(int) float64
		fails    bool
	}{
		{"as before", held, func(int) float64 { return 1.03 }, false},
		{"the median", held, func(int) float64 { return 1.031 }, true},
		{"the upper end", held, func(i int) float64 { return []float64{1, 1.051}[min(1, i/11)] }, true}, // the 12th is the upper end
		{"beyond the upper end", held, func(i int) float64 { return []float64{1, 2}[min(1, i/12)] }, false},
		{"without bounds", free, func(int) float64 { return 2 }, false},
	} {
		var out strings.Builder
		err := printPairs(&out, []string{c.of}, map[string][]pair{c.of: make15(c.ratio)})
		if (err != nil) != c.fails || !strings.Contains(out.String(), c.of) {
			t.Errorf("%s: %v\n%s", c.name, err, &out)
		}
	}
}

// A short form of the whole: a binary against itself, with too few requests to tell anything but that it runs.
func TestAgainstItself(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes")
	}
	o := options{concurrency: 4, pairs: 2, units: 40}
	o.signet = filepath.Join(t.TempDir(), "signet")
	if err := build(t.Context(), o.signet); err != nil {
		t.Fatal(err)
	}
	o.older = o.signet
	var out strings.Builder
	err := against(t.Context(), o, &out)
	if err != nil && !strings.Contains(err.Error(), ", up to ") { // so few requests may differ by more than the bounds
		t.Fatal(err)
	}
	for name := range compared {
		if !strings.Contains(out.String(), name) {
			t.Errorf("%s is not told:\n%s", name, &out)
		}
	}
}
