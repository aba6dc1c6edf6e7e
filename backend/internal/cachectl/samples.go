package cachectl

import (
	"context"
	"errors"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/shared/api"
)

// counter follows the counters of one node.
type counter struct {
	instance string // which run of the process the counters are of
	at       time.Time
	stats    cachelink.NodeStats
	open     api.Sample // what happened since the last recorded sample
}

// Tick reads every node's counters and returns what happened since the tick
// before, over all nodes. It also keeps the nodes in step with the settings.
// When the settings cannot be read, the tick is still good.
func (c *Controller) Tick(ctx context.Context) (api.Tick, error) {
	nodes := c.nodes(ctx)
	tick := c.count(nodes, time.Now())
	return tick, c.followSettings(ctx, nodes)
}

func (c *Controller) followSettings(ctx context.Context, nodes []cachelink.NodeStats) error {
	if !c.settingsMu.TryLock() {
		return nil // a change is being applied at this moment
	}
	defer c.settingsMu.Unlock()
	settings, err := c.cfg.Database.Settings(ctx)
	if err != nil {
		return err
	}
	c.reconcile(ctx, settings, nodes)
	c.tell(c.describe(settings, nodes))
	return nil
}

func (c *Controller) count(nodes []cachelink.NodeStats, now time.Time) api.Tick {
	c.mu.Lock()
	defer c.mu.Unlock()
	tick := api.Tick{Sample: api.Sample{Time: now.UnixMilli()}}
	for _, n := range nodes {
		if !n.Up {
			continue
		}
		tick.Up = true
		k := c.counters[n.Name]
		if k == nil {
			k = &counter{}
			c.counters[n.Name] = k
		}
		tick.Sample = sum(tick.Sample, k.advance(n, now))
	}
	return tick
}

// advance returns what the node did since the last call. Counters that began
// anew, because the process did, count from zero; the first reading of a
// process that was there before us counts nothing.
func (k *counter) advance(n cachelink.NodeStats, now time.Time) api.Sample {
	s := api.Sample{Time: now.UnixMilli(), Items: n.Items, Bytes: n.Bytes}
	before := k.stats
	if k.instance != "" {
		s.Seconds = now.Sub(k.at).Seconds()
		if k.instance != n.Instance {
			before = cachelink.NodeStats{}
		}
		s.Requests = max(0, n.Gets-before.Gets)
		s.Hits = max(0, n.Hits-before.Hits)
		s.Misses = max(0, n.Misses-before.Misses)
		s.Evictions = max(0, n.Evictions-before.Evictions)
	}
	k.instance, k.at, k.stats = n.Instance, now, n
	k.open = follow(k.open, s)
	return s
}

// sum adds samples of several nodes at one time.
func sum(a, b api.Sample) api.Sample {
	a.Seconds = max(a.Seconds, b.Seconds)
	a.Items += b.Items
	a.Bytes += b.Bytes
	return addCounters(a, b)
}

// follow adds b, which comes after a on the same node.
func follow(a, b api.Sample) api.Sample {
	a.Seconds += b.Seconds
	a.Time, a.Items, a.Bytes = b.Time, b.Items, b.Bytes
	return addCounters(a, b)
}

func addCounters(a, b api.Sample) api.Sample {
	a.Requests += b.Requests
	a.Hits += b.Hits
	a.Misses += b.Misses
	a.Evictions += b.Evictions
	return a
}

// Record writes what happened since the last call to the database, one row a
// node. What cannot be written is kept for the next call.
func (c *Controller) Record(ctx context.Context) error {
	var errs []error
	for name, s := range c.take() {
		if err := c.cfg.Database.RecordSample(ctx, name, s); err != nil {
			errs = append(errs, err)
			c.giveBack(name, s)
		}
	}
	return errors.Join(errs...)
}

// take removes and returns the open samples of the nodes that have any; all
// get the same time, so that they can be added up.
func (c *Controller) take() map[string]api.Sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	open, latest := map[string]api.Sample{}, int64(0)
	for name, k := range c.counters {
		if k.open.Seconds > 0 {
			open[name] = k.open
			latest = max(latest, k.open.Time)
			k.open = api.Sample{}
		}
	}
	for name, s := range open {
		s.Time = latest
		open[name] = s
	}
	return open
}

func (c *Controller) giveBack(name string, s api.Sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.counters[name]
	if k.open.Time == 0 {
		k.open = s
		return
	}
	k.open = follow(s, k.open)
}

// maxWindow is the longest window, in seconds: samples are kept for 30 days.
const maxWindow = 30 * 24 * 3600

// maxSamples is how many samples a window is shown with: more than a chart has
// points, and few enough for one message.
const maxSamples = 1000

// Window returns the samples of the last seconds, to this moment; in a long
// window several recorded ones are one.
func (c *Controller) Window(ctx context.Context, seconds int) (api.Stats, error) {
	if seconds < 1 || seconds > maxWindow {
		return api.Stats{}, api.Errorf(api.Invalid, "the window of %d seconds cannot be shown: use 1 to %d", seconds, maxWindow)
	}
	now := time.Now()
	samples, err := c.cfg.Database.Samples(ctx, now.Add(-time.Duration(seconds)*time.Second), now)
	if err != nil {
		return api.Stats{}, unavailable("read the statistics", err)
	}
	samples = thin(samples, int64(seconds)*1000/maxSamples)
	if s, ok := c.unrecorded(); ok {
		samples = append(samples, s)
	}
	if samples == nil {
		samples = []api.Sample{}
	}
	return api.Stats{Now: now.UnixMilli(), Seconds: seconds, Samples: samples, Total: api.Summarize(samples)}, nil
}

// thin joins the samples whose times are in the same interval of step
// milliseconds.
func thin(samples []api.Sample, step int64) []api.Sample {
	if step <= 1 {
		return samples
	}
	kept := samples[:0]
	for _, s := range samples {
		if n := len(kept); n > 0 && kept[n-1].Time/step == s.Time/step {
			kept[n-1] = follow(kept[n-1], s)
		} else {
			kept = append(kept, s)
		}
	}
	return kept
}

// unrecorded is the sample that the next Record will write.
func (c *Controller) unrecorded() (all api.Sample, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.counters {
		if k.open.Seconds > 0 {
			all = sum(all, k.open)
			all.Time, ok = max(all.Time, k.open.Time), true
		}
	}
	return all, ok
}
