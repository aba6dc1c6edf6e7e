// Package cachectl controls the cache nodes: it keeps their settings in the
// database and the nodes in step with them, and it turns their counters into
// samples.
//
// The settings in the database are what counts. A change is stored, then
// applied at once; [Controller.Tick] compares every second and applies them
// again wherever a node differs, so that a node that was restarted, or was away
// during a change, comes back into step by itself.
package cachectl

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/pool"
	"memcache/backend/internal/sqlindex"
	"memcache/cache/policy"
	"memcache/shared/api"
)

// Database keeps settings and samples.
type Database interface {
	Settings(ctx context.Context) (sqlindex.Settings, error)
	SaveSettings(ctx context.Context, capacity int64, policy string) error
	RecordSample(ctx context.Context, node string, s api.Sample) error
	Samples(ctx context.Context, since, until time.Time, node string) ([]api.Sample, error)
	MarkStart(ctx context.Context, node string, at time.Time) error
	Marks(ctx context.Context, since, until time.Time, limit int) ([]api.Mark, error)
	KeepCurves(ctx context.Context, node string, at time.Time, curves []byte) error
	Curves(ctx context.Context, since time.Time, yield func(at time.Time, curves []byte) error) error
	KeepPromise(ctx context.Context, at time.Time, promise []byte) error
	Promise(ctx context.Context) ([]byte, error)
	Autopilot(ctx context.Context) (state []byte, version int64, err error)
	SaveAutopilot(ctx context.Context, state []byte, version, from, to int64) (saved bool, err error)
}

// Nodes are the cache nodes.
type Nodes interface {
	Stats(ctx context.Context) []cachelink.NodeStats
	SetCapacity(ctx context.Context, bytes int64) error
	SetPolicy(ctx context.Context, name string) error
	Curves(ctx context.Context) []api.NodeCurves
	Top(ctx context.Context) []cachelink.NodeTop
	Evictions(ctx context.Context) []cachelink.NodeTop
	StartRecording(ctx context.Context, s api.RecordingStart) error
	StopRecording(ctx context.Context) error
	Recording(ctx context.Context) (api.Recording, error)
	ReadRecording(ctx context.Context, w io.Writer) error
	Probe(ctx context.Context, address string) (cachelink.NodeStats, error)
	Prepare(ctx context.Context, address string, capacity int64, policy string) error
}

// Pool is which nodes there are.
type Pool interface {
	Pool(ctx context.Context) (*pool.State, error)
	ChangeNodes(ctx context.Context, change func(*pool.State) (*pool.State, error)) (*pool.State, error)
}

// Config is what a Controller is made of. All fields but ShareReads,
// Local, Now and Follows are needed.
type Config struct {
	Name  string           // of this backend, among others on the same database
	Reads func() api.Reads // what it read since its start
	// ShareReads tells the others on the same database what this backend read since
	// its start, and returns what each of them did; nil where there are no others.
	ShareReads func(context.Context, api.Reads) (map[string]api.Reads, error)
	// Recognize tells the object of a value in the cache, by its beginning.
	Recognize   func(cacheKey string, head []byte) (api.Object, bool)
	Database    Database
	Nodes       Nodes
	Pool        Pool
	Local       *Local          // the processes beside this server; nil where their number cannot be changed
	Follows     func() bool     // tells whether another backend leads, and records the nodes
	MaxCapacity int64           // bytes; see [MaxCapacity]
	Changed     func(api.Cache) // told when settings or the health of a node changed
	Piloted     func(api.Autopilot)
	Now         func() time.Time // nil is time.Now; for the autopilot
	Log         *slog.Logger
}

// Controller is safe for use by many goroutines.
type Controller struct {
	cfg Config

	settingsMu sync.Mutex // held while settings are read, changed and applied
	resizing   sync.Mutex // held while the number of processes beside this server is changed

	mu       sync.Mutex
	counters map[string]*counter // by node
	reads    readCounter
	others   map[string]api.Reads // what other backends had read, by their names
	starts   []api.Mark           // of nodes, not recorded yet
	settings *sqlindex.Settings   // as they were seen last
	answers  map[string]answer    // by node
	last     string               // what Changed was last told, to tell it only news
}

// New returns a controller; it does nothing until it is asked.
func New(cfg Config) *Controller {
	return &Controller{cfg: cfg, counters: map[string]*counter{}, answers: map[string]answer{}}
}

// MinCapacity is the least capacity of the cache, in bytes.
const MinCapacity = api.MB

// Cache returns the settings and the state of every node.
func (c *Controller) Cache(ctx context.Context) (api.Cache, error) {
	settings, err := c.cfg.Database.Settings(ctx)
	if err != nil {
		return api.Cache{}, unavailable("read the cache's settings", err)
	}
	return c.describe(ctx, settings, c.nodes(ctx)), nil
}

// Configure stores a change and applies it at once. A node that does not
// answer gets it when it is back.
func (c *Controller) Configure(ctx context.Context, change api.CacheChange) (api.Cache, error) {
	c.settingsMu.Lock()
	defer c.settingsMu.Unlock()
	if err := c.check(change); err != nil {
		return api.Cache{}, err
	}
	settings, err := c.cfg.Database.Settings(ctx)
	if err != nil {
		return api.Cache{}, unavailable("read the cache's settings", err)
	}
	was, nodes := settings, c.cfg.Nodes.Stats(ctx)
	if change.Capacity != nil {
		settings.Capacity = *change.Capacity
	}
	if change.Policy != nil {
		settings.Policy = *change.Policy
	}
	promise := c.foretell(ctx, was, settings, change.Window, nodes) // before the curves begin anew
	if err := c.cfg.Database.SaveSettings(ctx, settings.Capacity, settings.Policy); err != nil {
		return api.Cache{}, unavailable("keep the cache's settings", err)
	}
	remarkSettings(ctx, was, settings)
	c.reconcile(ctx, settings, nodes)
	c.keepPromise(ctx, promise)
	cache := c.describe(ctx, settings, c.nodes(ctx))
	c.tell(cache)
	return cache, nil
}

func (c *Controller) check(change api.CacheChange) error {
	if n := change.Capacity; n != nil && (*n < MinCapacity || *n > c.cfg.MaxCapacity || *n%api.MB != 0) {
		return api.Errorf(api.Invalid, "the capacity %d bytes cannot be set: it is a whole number of MB from %d to %d (%d to %d bytes)",
			*n, MinCapacity/api.MB, c.cfg.MaxCapacity/api.MB, int64(MinCapacity), c.cfg.MaxCapacity)
	}
	if n := change.Window; n != 0 && n != shortWindow && n != longWindow {
		return api.Errorf(api.Invalid, "the curves have no window of %d seconds: leave it out, or give %d or %d", n, shortWindow, longWindow)
	}
	if name := change.Policy; name != nil && !slices.Contains(policyNames(), *name) {
		return api.Errorf(api.Invalid, "the policy %q is not known: use one of %s", *name, strings.Join(policyNames(), ", "))
	}
	return nil
}

// answer is the last one of a node.
type answer struct {
	at    time.Time
	stats cachelink.NodeStats
}

// silence is how long a node that answered counts as up without an answer: with
// a question a second, the second miss in a row says that it is down. One may be
// missed on a machine that is busy for a moment.
const silence = 1500 * time.Millisecond

// nodes returns the statistics of the nodes.
func (c *Controller) nodes(ctx context.Context) []cachelink.NodeStats {
	return c.steady(c.cfg.Nodes.Stats(ctx), time.Now())
}

// steady puts the last answer of a node, if it is no older than silence, in the
// place of a missing one.
func (c *Controller) steady(nodes []cachelink.NodeStats, now time.Time) []cachelink.NodeStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, n := range nodes {
		if n.Up {
			c.answers[n.Name] = answer{now, n}
		} else if last, known := c.answers[n.Name]; known && now.Sub(last.at) <= silence {
			nodes[i] = last.stats
		}
	}
	return nodes
}

// reconcile brings every node that answers into step with the settings.
func (c *Controller) reconcile(ctx context.Context, settings sqlindex.Settings, nodes []cachelink.NodeStats) {
	capacity, policy := false, false
	want := c.within(settings)
	for _, n := range nodes {
		capacity = capacity || n.Up && n.Capacity != want
		policy = policy || n.Up && n.Policy != settings.Policy && slices.Contains(n.Features, api.FeaturePolicy)
	}
	if capacity {
		c.report("capacity", c.cfg.Nodes.SetCapacity(ctx, want))
	}
	if policy {
		c.report("policy", c.cfg.Nodes.SetPolicy(ctx, settings.Policy))
	}
}

// within is the capacity that is set, or the largest one where that has become
// smaller since.
func (c *Controller) within(settings sqlindex.Settings) int64 {
	return min(settings.Capacity, c.cfg.MaxCapacity)
}

func (c *Controller) report(what string, err error) {
	if err != nil {
		c.cfg.Log.Warn("cache node not in step with the settings; trying again", "setting", what, "error", err)
	}
}

func (c *Controller) describe(ctx context.Context, settings sqlindex.Settings, nodes []cachelink.NodeStats) api.Cache {
	cache := api.Cache{
		Capacity: c.within(settings), Policy: settings.Policy, Policies: policies(),
		MinCapacity: MinCapacity, MaxCapacity: c.cfg.MaxCapacity,
	}
	if c.cfg.Local != nil {
		cache.Pool, cache.MaxPool = c.cfg.Local.Count(), MaxLocal
	}
	state, err := c.cfg.Pool.Pool(ctx)
	if err != nil {
		state = &pool.State{} // their part in it is not known
	}
	for _, n := range nodes {
		node := api.Node{
			Name: n.Name, Up: n.Up, Version: n.Version, Features: n.Features,
			Capacity: n.Capacity, Policy: n.Policy, Items: n.Items, Bytes: n.Bytes,
		}
		c.place(&node, state)
		if n.Err != nil {
			node.Error = n.Err.Error()
		}
		cache.Nodes = append(cache.Nodes, node)
	}
	return cache
}

// tell passes cache on if anything but its contents is new.
func (c *Controller) tell(cache api.Cache) {
	news := fmt.Sprint(cache.Capacity, cache.Policy)
	for _, n := range cache.Nodes {
		news += fmt.Sprint(n.Name, n.Up, n.Capacity, n.Policy, n.State, n.Share)
	}
	c.mu.Lock()
	same := news == c.last
	c.last = news
	c.mu.Unlock()
	if !same {
		c.cfg.Changed(cache)
	}
}

func policies() []api.Policy {
	var list []api.Policy
	for _, p := range policy.Infos() {
		list = append(list, api.Policy{Name: p.Name, Title: p.Title, About: p.About})
	}
	return list
}

func policyNames() []string {
	var names []string
	for _, p := range policy.Infos() {
		names = append(names, p.Name)
	}
	return names
}

func unavailable(what string, err error) error {
	return api.Errorf(api.Unavailable, "could not %s: the database does not answer; try again", what).Because(err)
}
