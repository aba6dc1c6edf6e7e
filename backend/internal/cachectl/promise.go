package cachectl

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/sqlindex"
	"memcache/shared/api"
	"memcache/shared/insight"
)

// The windows of the curves, in seconds.
const (
	shortWindow = 300
	longWindow  = 3600
)

const (
	// warmUpLeast and warmUpMost bound the warm-up after a change: so many requests at
	// least, and so long at most.
	warmUpLeast = 1000
	warmUpMost  = 30 * time.Minute
	// measured is for how long after the warm-up a promise is held against what happens:
	// later, the traffic is another.
	measured = time.Hour
)

// foretell says what the curves have of a change: those of the window, or of the
// long one when that is 0. It is nil when nothing changes.
func (c *Controller) foretell(ctx context.Context, from, to sqlindex.Settings, window int, nodes []cachelink.NodeStats) *api.Promise {
	p := &api.Promise{
		WarmUp: warmUpLeast,
		From:   api.CacheSettings{Capacity: from.Capacity, Policy: from.Policy}, To: api.CacheSettings{Capacity: to.Capacity, Policy: to.Policy},
	}
	if p.From == p.To {
		return nil
	}
	if window == 0 {
		window = longWindow
	}
	view := insight.Of(api.Insight{Nodes: c.cfg.Nodes.Curves(ctx)}, window)
	rate, known := view.At(insight.Objects, insight.Settings(p.To))
	if !known || !view.Enough() {
		return p
	}
	p.Known, p.Rate, p.Band = true, rate.Rate, rate.Band
	p.Before, _ = view.Measured(insight.Objects)
	p.WarmUp = warmUp(p, nodes)
	return p
}

// warmUp is how many requests it takes until as many values came in as there is room
// for, with the misses that are foretold.
func warmUp(p *api.Promise, nodes []cachelink.NodeStats) int64 {
	const leastMisses = 0.05
	items := 0.0
	for _, n := range nodes {
		items += float64(n.Items)
	}
	if grown := float64(p.To.Capacity) / float64(p.From.Capacity); grown > 1 {
		items *= grown
	}
	return max(warmUpLeast, int64(items/max(leastMisses, 1-p.Rate)))
}

// keepPromise keeps it for [Controller.promise]. A change is good without.
func (c *Controller) keepPromise(ctx context.Context, p *api.Promise) {
	if p == nil {
		return
	}
	p.Time = time.Now().UnixMilli()
	text, err := json.Marshal(p)
	if err == nil {
		err = c.cfg.Database.KeepPromise(ctx, time.UnixMilli(p.Time), text)
	}
	if err != nil {
		c.cfg.Log.Warn("what was foretold of the new settings is not kept", "error", err)
	}
}

// promise returns the last promise and what came of it, nil without one.
func (c *Controller) promise(ctx context.Context) (*api.Promise, error) {
	text, err := c.cfg.Database.Promise(ctx)
	if err != nil || text == nil {
		return nil, err
	}
	p := new(api.Promise)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("read a promise: %w", err)
	}
	at := time.UnixMilli(p.Time)
	samples, err := c.cfg.Database.Samples(ctx, at, at.Add(warmUpMost+measured), "")
	if err != nil {
		return nil, err
	}
	hold(p, samples, time.Now())
	return p, nil
}

// hold counts what happened since the promise, up to now.
func hold(p *api.Promise, samples []api.Sample, now time.Time) {
	warm := int64(0) // when the warm-up was over
	end := p.Time + (warmUpMost + measured).Milliseconds()
	for _, s := range samples {
		if s.Time-int64(s.Seconds*1000) < p.Time {
			continue // partly from before the change
		}
		if warm > 0 && s.Time <= end {
			p.Requests += s.Requests
			p.Hits += s.Hits
		}
		p.Passed += s.Requests
		if warm == 0 && (p.Passed >= p.WarmUp || s.Time >= p.Time+warmUpMost.Milliseconds()) {
			warm, end = s.Time, s.Time+measured.Milliseconds()
		}
	}
	p.Ended = now.UnixMilli() > end
}
