package cachectl

import (
	"context"
	"errors"
	"sync"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/sqlindex"
	"memcache/shared/api"
)

// counter follows the counters of one node.
type counter struct {
	instance string // which run of the process the counters are of, "" when none was read since it is a node
	known    bool   // stats are those of the moment at
	at       time.Time
	stats    cachelink.NodeStats
	open     api.Sample // what happened since the last recorded sample
	rate     float64    // requests a second, lately
}

// lately is how many seconds a counter's rate is about.
const lately = 10

// Tick reads every node's counters and returns what happened since the tick
// before, over all nodes and backends. It also keeps the nodes in step with the settings.
// When the settings, or what other backends read, cannot be read, the tick is still good.
func (c *Controller) Tick(ctx context.Context) (api.Tick, error) {
	nodes := c.nodes(ctx)
	tick := c.count(nodes, time.Now())
	var elsewhere api.Reads
	var errElsewhere error
	var wg sync.WaitGroup
	wg.Go(func() { elsewhere, errElsewhere = c.readElsewhere(ctx) })
	marks, err := c.followSettings(ctx, nodes)
	wg.Wait()
	tick.Marks = append(tick.Marks, marks...)
	tick.Sample.Reads.Add(elsewhere)
	return tick, errors.Join(err, errElsewhere)
}

// othersTimeout is how long a tick waits for what other backends read: what is
// missing now is in the next.
const othersTimeout = time.Second

// readElsewhere returns what the other backends read since the last call. Of one that
// is seen for the first time nothing counts.
func (c *Controller) readElsewhere(ctx context.Context) (sum api.Reads, err error) {
	if c.cfg.ShareReads == nil {
		return sum, nil
	}
	ctx, cancel := context.WithTimeout(ctx, othersTimeout)
	defer cancel()
	now, err := c.cfg.ShareReads(ctx, c.cfg.Reads())
	if err != nil {
		return sum, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, reads := range now {
		if before, ok := c.others[name]; ok {
			sum.Add(reads)
			sum.Subtract(before)
		}
	}
	c.others = now
	return sum, nil
}

// followSettings returns the marks of what was changed since the last call.
func (c *Controller) followSettings(ctx context.Context, nodes []cachelink.NodeStats) (marks []api.Mark, err error) {
	if !c.settingsMu.TryLock() {
		return nil, nil // a change is being applied at this moment
	}
	defer c.settingsMu.Unlock()
	settings, err := c.cfg.Database.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if c.settings != nil {
		marks = sqlindex.SettingMarks(*c.settings, settings, time.Now())
	}
	c.settings = &settings
	c.reconcile(ctx, settings, nodes)
	c.tell(c.describe(ctx, settings, nodes))
	return marks, nil
}

func (c *Controller) count(nodes []cachelink.NodeStats, now time.Time) api.Tick {
	c.mu.Lock()
	defer c.mu.Unlock()
	tick := api.Tick{Sample: c.reads.advance(c.cfg.Reads(), now)}
	for _, n := range nodes {
		if !n.Up {
			continue
		}
		tick.Up = true
		k := c.counter(n.Name)
		if k.instance != n.Instance {
			tick.Marks = append(tick.Marks, api.Mark{Time: now.Add(-n.Uptime).UnixMilli(), Kind: api.MarkStart, Node: n.Name})
		}
		tick.Sample.Beside(k.advance(n, now))
	}
	c.starts = append(c.starts, tick.Marks...)
	return tick
}

// counter returns the counter of a node.
func (c *Controller) counter(name string) *counter {
	k := c.counters[name]
	if k == nil {
		k = &counter{}
		c.counters[name] = k
	}
	return k
}

// follow has a node that is about to join counted from what its counters are now:
// what it did before was not for us, and what it does until the next tick is.
func (c *Controller) follow(name string, n cachelink.NodeStats, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.counter(name)
	k.instance, k.known, k.at, k.stats = "", true, now, n
}

// advance returns what the node did since the last call, or since follow. Counters
// that began anew, because the process did, count from zero; the first reading of a
// process that was there before us counts nothing.
func (k *counter) advance(n cachelink.NodeStats, now time.Time) api.Sample {
	s := api.Sample{Time: now.UnixMilli(), Items: n.Items, Bytes: n.Bytes, Capacity: n.Capacity}
	before := k.stats
	if k.known {
		s.Seconds = now.Sub(k.at).Seconds()
		if k.instance != "" && k.instance != n.Instance {
			before = cachelink.NodeStats{}
		}
		s.Requests = max(0, n.Gets-before.Gets)
		s.Hits = max(0, n.Hits-before.Hits)
		s.Misses = max(0, n.Misses-before.Misses)
		s.Evictions = max(0, n.Evictions-before.Evictions)
	}
	if s.Seconds > 0 {
		k.rate += (float64(s.Requests)/s.Seconds - k.rate) * min(1, s.Seconds/lately)
	}
	k.instance, k.known, k.at, k.stats = n.Instance, true, now, n
	k.open.Join(s)
	return s
}

// readCounter follows what this backend reads.
type readCounter struct {
	at     time.Time
	before api.Reads
	open   api.Sample // since the last recorded sample
}

// advance returns what was read since the last call, all being what was read since
// the start.
func (k *readCounter) advance(all api.Reads, now time.Time) api.Sample {
	s := api.Sample{Time: now.UnixMilli()}
	if !k.at.IsZero() {
		s.Reads = all
		s.Reads.Subtract(k.before)
		s.Reads.Seconds = now.Sub(k.at).Seconds()
	}
	k.at, k.before = now, all
	k.open.Join(s)
	return s
}

// Record writes what happened since the last call to the database, one row a
// node and one for this backend. What cannot be written is kept for the next call.
// Where another backend leads, that records the nodes.
func (c *Controller) Record(ctx context.Context) error {
	open, starts := c.take()
	follows := c.cfg.Follows != nil && c.cfg.Follows()
	var errs []error
	for name, s := range open {
		if follows && name != c.cfg.Name {
			continue
		}
		if err := c.cfg.Database.RecordSample(ctx, name, s); err != nil {
			errs = append(errs, err)
			c.giveBack(name, s)
		}
	}
	for _, m := range starts {
		if err := c.cfg.Database.MarkStart(ctx, m.Node, time.UnixMilli(m.Time)); err != nil {
			errs = append(errs, err)
			c.giveBackStart(m)
		}
	}
	return errors.Join(errs...)
}

// take removes and returns what is to be recorded: the samples of the nodes that
// have any, and of this backend, all with the same time, so that they can be added
// up; and the starts of nodes.
func (c *Controller) take() (open map[string]api.Sample, starts []api.Mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open, latest := map[string]api.Sample{}, int64(0)
	for name, s := range c.opens() {
		if s.Seconds > 0 || s.Reads.Seconds > 0 {
			open[name] = *s
			latest = max(latest, s.Time)
			*s = api.Sample{}
		}
	}
	for name, s := range open {
		s.Time = latest
		open[name] = s
	}
	starts, c.starts = c.starts, nil
	return open, starts
}

// opens are the samples that are to be recorded, by name.
func (c *Controller) opens() map[string]*api.Sample {
	all := map[string]*api.Sample{c.cfg.Name: &c.reads.open}
	for name, k := range c.counters {
		all[name] = &k.open
	}
	return all
}

func (c *Controller) giveBack(name string, s api.Sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := c.opens()[name]
	if open.Time != 0 {
		s.Join(*open)
	}
	*open = s
}

// maxStarts bounds the starts that wait for the database.
const maxStarts = 100

func (c *Controller) giveBackStart(m api.Mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.starts) < maxStarts {
		c.starts = append(c.starts, m)
	}
}

// maxWindow is the longest window, in seconds: samples are kept for 30 days.
const maxWindow = 30 * 24 * 3600

// maxSamples is how many samples a window is shown with: more than a chart has
// points, and few enough for one message.
const maxSamples = 1000

// maxMarks is how many marks a window is shown with: the newest.
const maxMarks = 200

// Window returns the samples of the last seconds, to this moment, of a node or, where
// that is "", of all and of what backends read; in a long window several recorded ones
// are one.
func (c *Controller) Window(ctx context.Context, seconds int, node string) (api.Stats, error) {
	if seconds < 1 || seconds > maxWindow {
		return api.Stats{}, api.Errorf(api.Invalid, "the window of %d seconds cannot be shown: use 1 to %d", seconds, maxWindow)
	}
	now := time.Now()
	samples, err := c.cfg.Database.Samples(ctx, now.Add(-time.Duration(seconds)*time.Second), now, node)
	if err != nil {
		return api.Stats{}, unavailable("read the statistics", err)
	}
	marks, err := c.cfg.Database.Marks(ctx, now.Add(-time.Duration(seconds)*time.Second), now, maxMarks)
	if err != nil {
		return api.Stats{}, unavailable("read the statistics", err)
	}
	samples = thin(samples, int64(seconds)*1000/maxSamples)
	if s, ok := c.unrecorded(node); ok {
		samples = append(samples, s)
	}
	if samples == nil {
		samples = []api.Sample{}
	}
	return api.Stats{Now: now.UnixMilli(), Seconds: seconds, Samples: samples, Marks: marks, Total: api.Summarize(samples)}, nil
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
			kept[n-1].Join(s)
		} else {
			kept = append(kept, s)
		}
	}
	return kept
}

// unrecorded is the sample that the next Record will write, of a node or of all.
func (c *Controller) unrecorded(node string) (all api.Sample, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, s := range c.opens() {
		if (node == "" || node == name) && (s.Seconds > 0 || s.Reads.Seconds > 0) {
			all.Beside(*s)
			all.Time, ok = max(all.Time, s.Time), true
		}
	}
	return all, ok
}
