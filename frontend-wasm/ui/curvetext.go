package ui

import (
	"math"
	"strconv"
	"strings"

	"memcache/shared/api"
	"memcache/shared/insight"
)

// shortSize writes a number of bytes without a fraction that is none: "256 MB".
func shortSize(n int64) string { return strings.Replace(size(n), written(".0 "), " ", 1) }

// points writes a difference of two rates in percentage points, without its sign:
// "4.1".
func points(d float64) string {
	return written(strconv.FormatFloat(math.Abs(d)*100, 'f', 1, 64))
}

// bandText writes how far an estimate may be from the truth: " ± 0.4".
func bandText(band float64) string {
	if band < 0.0005 {
		return ""
	}
	return " ± " + points(band)
}

// few writes a number of things a second: "12", "0.4".
func few(v float64) string {
	if v >= 10 {
		return count(int64(math.Round(v)))
	}
	return written(strconv.FormatFloat(v, 'f', 1, 64))
}

// forecast says what is foretold for the chosen settings: "512 MB: 91.3 % hits, +4.1
// points, 12 fewer reads from disk a second". It is "" while nothing can be said.
func (o *outlook) forecast() string {
	if !o.view.Enough() {
		return ""
	}
	then, ok := o.view.At(o.lens.measure, o.to)
	if !ok {
		least, most := o.view.Range()
		return tf("%s: what lies beyond %s to %s is not simulated.", shortSize(o.to.Capacity), shortSize(least), shortSize(most))
	}
	parts := []string{tf("%s: %s hits", shortSize(o.to.Capacity), percent(then.Rate)+bandText(then.Band))}
	if o.lens.measure == insight.Bytes {
		parts[0] = tf("%s: %s of the bytes from memory", shortSize(o.to.Capacity), percent(then.Rate)+bandText(then.Band))
	}
	if now, ok := o.view.At(o.lens.measure, o.now); ok && o.now != o.to {
		parts = append(parts, gainText(then.Rate-now.Rate))
		if text := o.readsText(then.Rate - now.Rate); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
}

// gainText writes what a change brings: "+4.1 points".
func gainText(gain float64) string {
	switch {
	case math.Abs(gain) < 0.0005:
		return t("as much as now")
	case gain > 0:
		return tf("+%s points", points(gain))
	}
	return tf("−%s points", points(gain))
}

// readsText writes what a change saves the disk, at the present traffic; "" for
// nothing.
func (o *outlook) readsText(gain float64) string {
	perSecond := gain * o.traffic
	if o.lens.measure == insight.Bytes {
		bytes := perSecond * float64(o.view.Bytes) / float64(max(1, o.view.Requests))
		switch {
		case math.Abs(bytes) < 1024:
			return ""
		case bytes > 0:
			return tf("%s less from disk a second", size(int64(bytes)))
		}
		return tf("%s more from disk a second", size(int64(-bytes)))
	}
	switch {
	case math.Abs(perSecond) < 0.05:
		return ""
	case perSecond > 0:
		return tf("%s fewer reads from disk a second", few(perSecond))
	}
	return tf("%s more reads from disk a second", few(-perSecond))
}

// advise writes the recommendation, in one sentence with its reason.
func (o *outlook) advise() string {
	a := o.advice
	now, then, gain := percent(a.Now.Rate), percent(a.Then.Rate), points(a.Gain())
	switch a.Kind {
	case insight.Switch:
		return o.with(tf("%s at the same size would serve %s points more: %s instead of %s", o.title(a.To.Policy), gain, then, now))
	case insight.Grow:
		if a.To.Capacity == 2*o.now.Capacity {
			return o.with(tf("Twice the memory would serve %s points more: %s instead of %s", gain, then, now))
		}
		return o.with(tf("Four times the memory would serve %s points more: %s instead of %s", gain, then, now))
	case insight.Shrink:
		if 2*a.To.Capacity == o.now.Capacity {
			return tf("Half the memory would do: %s would serve %s, and %s serve %s.", shortSize(a.To.Capacity), then, shortSize(o.now.Capacity), now)
		}
		return tf("A quarter of the memory would do: %s would serve %s, and %s serve %s.", shortSize(a.To.Capacity), then, shortSize(o.now.Capacity), now)
	case insight.Keep:
		return tf("The settings fit the traffic: nothing else would do noticeably better than %s.", now)
	}
	return o.waiting()
}

// with adds what a change saves the disk.
func (o *outlook) with(sentence string) string {
	if reads := o.readsText(o.advice.Gain()); reads != "" {
		sentence += ", " + reads
	}
	return sentence + "."
}

// waiting says why there is no recommendation.
func (o *outlook) waiting() string {
	long := o.view
	if some, _ := o.telling(); some == 0 {
		return t("Without curves there is nothing to recommend.")
	}
	if long.Enough() {
		return t("The curves of the present settings are not known yet.")
	}
	return tf("Not enough traffic yet to say: %s of the %s requests that it takes.", count(long.Requests), count(insight.MinRequests))
}

// certainty says how well the curves are known: "Exact" or "Sampled at 4 %".
func (o *outlook) certainty() string {
	if !o.view.Enough() {
		return ""
	}
	band := 0.0
	for _, p := range o.view.Points(o.lens.measure, o.to.Policy) {
		band = max(band, p.Band)
	}
	within := tf("within ± %s points, in nine cases of ten", points(max(band, 0.001)))
	switch {
	case o.view.Exact:
		return t("Exact: every key was looked at")
	case o.view.Rate >= 1:
		return tf("Estimated: every key is looked at, but not since the cache was empty; %s", within)
	}
	return tf("Sampled at %s of the keys: %s", percent(o.view.Rate), within)
}

// covers says what the curves are of.
func (o *outlook) covers() string {
	some, all := o.telling()
	text := tf("from %s requests", count(o.view.Requests))
	if o.view.Covered > 0 && o.view.Covered < o.lens.seconds*9/10 {
		if o.view.Covered < 120 {
			text += " " + tf("of the last %s seconds", count(int64(o.view.Covered)))
		} else {
			text += " " + tf("of the last %s minutes", count(int64(o.view.Covered/60)))
		}
	}
	if some < all {
		text += ", " + tf("of %s of %s cache processes: the others keep no curves", count(int64(some)), count(int64(all)))
	}
	return text
}

// promiseOutcome is what came of the last change.
type promiseOutcome struct {
	State   string // warming, measured, unknown
	Text    string
	Rate    float64 // measured
	Measure bool    // Rate is known
}

// outcomeOf judges a promise.
func outcomeOf(p *api.Promise) promiseOutcome {
	if p.Passed < p.WarmUp && p.Requests < leastMeasured && !p.Ended {
		return promiseOutcome{State: "warming", Text: tf("Warming up: %s of %s requests. What comes in until then does not count.", count(min(p.Passed, p.WarmUp)), count(p.WarmUp))}
	}
	if p.Requests < leastMeasured {
		text := tf("Too few requests since then to say: %s.", count(p.Requests))
		return promiseOutcome{State: "unknown", Text: text}
	}
	r := promiseOutcome{State: "measured", Rate: float64(p.Hits) / float64(p.Requests), Measure: true}
	const near = 0.0105 // a point, as it is written
	miss := r.Rate - p.Rate
	switch {
	case !p.Known:
		r.Text = tf("Measured over %s requests; there was too little traffic before to promise anything.", count(p.Requests))
	case math.Abs(miss) < max(near, p.Band):
		r.Text = tf("As promised, over %s requests.", count(p.Requests))
	case miss > 0:
		r.Text = tf("%s points more than promised, over %s requests.", points(miss), count(p.Requests))
	default:
		r.Text = tf("%s points less than promised, over %s requests: the traffic may be another.", points(miss), count(p.Requests))
	}
	return r
}
