package chart

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
)

// evenTicks marks a linear axis from zero with four to seven round numbers.
type evenTicks struct{}

// Ticks implements plot.Ticker.
func (evenTicks) Ticks(low, high float64) []plot.Tick {
	const most = 6 // steps
	step := math.Pow(10, math.Floor(math.Log10((high-low)/most)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*factor) <= most {
			step *= factor
			break
		}
	}
	var ticks []plot.Tick
	for i := math.Ceil(low / step); i*step <= high; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: fmt.Sprintf("%.6g", i*step)})
	}
	return ticks
}

// timeTicks marks a logarithmic axis of microseconds with familiar times: 50 µs, 1 ms, 2 s.
type timeTicks struct{}

// Ticks implements plot.Ticker: 1, 2 and 5 of each decade have a label, or only 1 if there
// are many decades.
func (timeTicks) Ticks(low, high float64) []plot.Tick {
	labelled := func(step int) bool { return step == 1 || step == 2 || step == 5 }
	switch decades := math.Log10(high / low); {
	case decades > 3:
		labelled = func(step int) bool { return step == 1 }
	case decades < 0.5:
		labelled = func(int) bool { return true }
	}
	var ticks []plot.Tick
	for decade := math.Floor(math.Log10(low)); math.Pow(10, decade) <= high; decade++ {
		for step := 1; step <= 9; step++ {
			value := float64(step) * math.Pow(10, decade)
			if value < low || value > high {
				continue
			}
			tick := plot.Tick{Value: value}
			if labelled(step) {
				tick.Label = micros(value)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// micros writes a round number of microseconds in a suitable unit.
func micros(value float64) string {
	switch {
	case value >= 0.999e6:
		return fmt.Sprintf("%.3g s", value/1e6)
	case value >= 0.999e3:
		return fmt.Sprintf("%.3g ms", value/1e3)
	default:
		return fmt.Sprintf("%.3g µs", value)
	}
}
