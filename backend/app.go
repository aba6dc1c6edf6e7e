package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"memcache/backend/internal/access"
	"memcache/backend/internal/cachectl"
	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/httpapi"
	"memcache/backend/internal/jobs"
	"memcache/backend/internal/live"
	"memcache/backend/internal/login"
	"memcache/backend/internal/metrics"
	"memcache/backend/internal/pages"
	"memcache/backend/internal/share"
	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/storage"
	"memcache/frontend-wasm/ui"
	"memcache/shared/api"
	"memcache/shared/release"
)

const (
	// undoTime is how long a deletion can be undone: what pages say, and a little for
	// what is on its way.
	undoTime = (api.UndoSeconds + 5) * time.Second
	// closeTimeout is how long the storage may take to settle what is in doubt.
	closeTimeout = 5 * time.Second
)

// app is the running backend: its parts, in the order in which they are opened.
type app struct {
	log     *slog.Logger
	counts  *metrics.Metrics
	closers []func() error // closed in reverse order
	door
	parts    []httpapi.Part
	keeper   *login.Keeper // nil where nobody has to log in
	hub      *live.Hub
	schedule *jobs.Schedule
	// unsettled says that the cache may hold outdated objects that the database
	// could not be told of: the next start must not trust it.
	unsettled bool
}

// open opens every part, and none if one fails.
func open(ctx context.Context, cfg config, log *slog.Logger) (*app, error) {
	a := &app{log: log, counts: metrics.New(release.Version())}
	if err := a.openParts(ctx, cfg); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *app) openParts(ctx context.Context, cfg config) error {
	rules, err := access.New(cfg.access())
	if err != nil {
		return err
	}
	if cfg.exposed() && !cfg.asksLogin() {
		a.log.Warn("everyone who can reach this server may read, change and delete everything: -insecure was given", "listen", cfg.listen)
	}
	blobs, err := cfg.openStore(ctx, a.log, a.counts.Damaged)
	if err != nil {
		return err
	}
	a.defers(func() error {
		if a.unsettled {
			return blobs.Abandon()
		}
		return blobs.Close()
	})
	if err := a.listen(cfg); err != nil {
		return err
	}
	if err := checkNotLost(ctx, cfg.sqlitePath(), blobs); err != nil {
		return err
	}
	index, err := sqlindex.OpenOrRetry(ctx, cfg.index(a.log))
	if err != nil {
		return err
	}
	a.defers(index.Close)
	nodes, err := cachelink.New(cachelink.Config{Nodes: cfg.cacheNodes(), Log: a.log})
	if err != nil {
		return err
	}
	a.defers(nodes.Close)
	return a.wire(ctx, cfg, rules, blobs, index, nodes)
}

// checkNotLost fails when blobs are there and the SQLite file that names them is
// not, or is empty: a new one would have them swept.
func checkNotLost(ctx context.Context, file string, blobs blobStore) error {
	if file == "" {
		return nil
	}
	if info, err := os.Stat(file); err == nil && info.Size() > 0 {
		return nil
	}
	has, err := blobs.HasBlobs(ctx)
	if err != nil || !has {
		return err
	}
	return fmt.Errorf("%s holds objects, but the database %s that names them is missing or empty: put it back, or use another place "+
		"and make it anew from a backup with \"memcache-backend restore\"", blobs, file)
}

// wire puts the rules, the live side and the HTTP side on top of the stores.
func (a *app) wire(ctx context.Context, cfg config, rules *access.Rules, blobs blobStore, index *sqlindex.DB, nodes *cachelink.Client) error {
	var hub *live.Hub // set below, before anything can change
	objects, err := storage.New(storage.Config{
		Blobs: a.counts.Blobs(blobs), Index: a.counts.Index(index), Cache: nodes, Nodes: cfg.cacheNodes(), MaxObject: int64(cfg.maxObject), Log: a.log,
		Undo: undoTime, Distrust: blobs.Unclean(), Lease: cfg.generationLease(),
		OnChange: func(c api.Changed) { hub.Broadcast(api.NoteChanged, c) },
	})
	if err != nil {
		return err
	}
	nodes.OnRestart(objects.CacheRestarted)
	index.OnFailover(objects.DatabaseChanged)
	a.defers(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		err := objects.Close(ctx)
		a.unsettled = err != nil
		return err
	})
	if err := objects.RefreshGeneration(ctx); err != nil {
		a.log.Warn("the cache stays unused until the database answers", "error", err)
	}
	most, err := cachectl.MaxCapacity(int64(cfg.maxCapacity) * api.MB)
	if err != nil {
		return err
	}
	var elector *jobs.Elector
	var shareReads func(context.Context, api.Reads) (map[string]api.Reads, error)
	if cfg.database != "" { // SQLite is this server's alone
		self := cfg.name() + " " + rand.Text()
		elector = jobs.NewElector(index, self)
		shareReads = func(ctx context.Context, r api.Reads) (map[string]api.Reads, error) {
			return index.ShareReads(ctx, self, r)
		}
	}
	control := cachectl.New(cachectl.Config{
		Name: cfg.name(), Reads: a.counts.Reads, ShareReads: shareReads, Recognize: storage.Recognize,
		Database: index, Nodes: nodes, Pool: objects, Local: cfg.local(), Follows: elector.Follows, MaxCapacity: most, Log: a.log,
		Changed: func(c api.Cache) { hub.Broadcast(api.NoteCache, c) },
		Piloted: func(a api.Autopilot) { hub.Broadcast(api.NotePilot, a) },
	})
	uploads := access.NewUploads(cfg.maxUploads)
	lines := journal(a.log, rules)
	liveConfig := live.Config{
		Objects: liveObjects{objects}, Cache: liveCache{control, objects}, Stats: control, Answers: index, Audit: lines,
		AllowOrigin: rules.AllowOrigin, RequestID: httpapi.RequestID, MaxObject: int64(cfg.maxObject), BeginUpload: uploads.Begin, Log: a.log,
	}
	if objects.Resumable() {
		liveConfig.Resumer, liveConfig.Turns = liveObjects{objects}, index
	}
	if cfg.asksLogin() {
		a.keeper = login.New(index, func(r *http.Request) string { return rules.Client(r).String() })
		liveConfig.Who, liveConfig.Still = a.keeper.Who, a.keeper.Still
	}
	if hub, err = live.New(liveConfig); err != nil {
		return err
	}
	a.hub = hub
	a.counts.Gauge("leads", "1 where this backend does what is done once for all on its database.", func() float64 {
		if elector.Leads() {
			return 1
		}
		return 0
	})
	a.counts.Gauge("websocket_clients", "Clients connected over the WebSocket.", func() float64 { return float64(hub.Clients()) })
	a.defers(func() error { // nothing is left to do after serve
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		return hub.Shutdown(ctx)
	})
	app, err := pages.New(pages.Config{Version: release.Version(), Exposed: cfg.exposed() && !cfg.asksLogin(), Login: cfg.asksLogin(), Routes: ui.Register, Log: a.log})
	if err != nil {
		return err
	}
	a.parts = append(parts(index, blobs, nodes), httpapi.Part{Name: "server", Required: true, Check: a.checkStays})
	handler := httpapi.New(httpapi.Config{
		Objects: objects, Cache: control, Stats: control, Answers: index, Live: hub, Pages: app, Admit: rules.Check,
		Parts: a.parts, MaxObject: int64(cfg.maxObject), BeginUpload: uploads.Begin, Stall: cfg.stallTimeout,
		CourseAPI: cfg.courseAPI, CourseOpen: cfg.courseOpen, Login: a.keeper, Shares: share.New(index, a.keeper == nil, time.Now), Audit: lines, Metrics: a.counts, Log: a.log,
	})
	a.answer(cfg, rules, handler, objects, nodes)
	a.schedule, err = jobs.Start(a.log, elector, counted(a.counts, schedule(cfg, control, objects, blobs, index, hub))...)
	return err
}

// counted makes every job count its runs.
func counted(counts *metrics.Metrics, list []jobs.Job) []jobs.Job {
	for i, job := range list {
		list[i].Do = func(ctx context.Context) error {
			began := time.Now()
			err := job.Do(ctx)
			counts.Job(job.Name, time.Since(began), err)
			return err
		}
	}
	return list
}

func schedule(cfg config, control *cachectl.Controller, objects *storage.Store, blobs blobStore, index *sqlindex.DB, hub *live.Hub) []jobs.Job {
	sweepEvery, shared := cfg.sweeps()
	return []jobs.Job{
		{Name: "sample", Every: time.Second, Do: func(ctx context.Context) error {
			tick, err := control.Tick(ctx)
			hub.Tick(tick)
			return err
		}},
		{Name: "generation", Every: time.Second, Do: objects.RefreshGeneration},
		{Name: "record", Every: 5 * time.Second, Do: control.Record},
		{Name: "insight", Every: 5 * time.Second, Do: func(ctx context.Context) error {
			if !hub.Watched() {
				return nil
			}
			insight, err := control.Insight(ctx)
			hub.Insight(insight)
			return err
		}},
		{Name: "autopilot", Every: 10 * time.Second, Do: control.Steer},
		{Name: "keys", Every: 2 * time.Second, Do: func(ctx context.Context) error {
			if hub.KeysWatched() {
				hub.Keys(control.Keys(ctx))
			}
			return nil
		}},
		{Name: "curves", Every: 5 * time.Minute, Once: true, Do: control.KeepInsight}, // one row an hour, renewed until it is over
		{Name: "prune", Every: time.Minute, Once: true, Do: func(ctx context.Context) error { return index.Prune(ctx, time.Now()) }},
		{Name: "sweep", Every: sweepEvery, Once: shared && cfg.maxStore == 0, Do: objects.Sweep}, // which counts, too, where there is a limit,
		{Name: "scrub", Every: 24 * time.Hour, Once: shared, Do: blobs.Scrub},
	}
}

func parts(index *sqlindex.DB, blobs blobStore, nodes *cachelink.Client) []httpapi.Part {
	return []httpapi.Part{
		{Name: "database", Required: true, Check: index.Ping},
		{Name: "store", Required: true, Check: blobs.Check},
		{Name: "room", Check: blobs.CheckRoom}, // without it, reads go on
		{Name: "cache", Check: func(ctx context.Context) error {
			for _, n := range nodes.Stats(ctx) {
				if !n.Up {
					return fmt.Errorf("the cache node %s does not answer: %w", n.Name, n.Err)
				}
			}
			return nil
		}},
	}
}

func (a *app) defers(closer func() error) { a.closers = append(a.closers, closer) }

// close stops the jobs and closes the parts in reverse order.
func (a *app) close() error {
	var errs []error
	if a.schedule != nil {
		errs = append(errs, a.schedule.Stop())
	}
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	return errors.Join(errs...)
}

// liveObjects is the store as the WebSocket uses it: with simpler conditions.
type liveObjects struct{ *storage.Store }

func (o liveObjects) Put(ctx context.Context, key string, r io.Reader, cond api.Condition) (api.Object, error) {
	return o.Store.Put(ctx, key, r, storageCond(cond))
}

func (o liveObjects) PutFrom(ctx context.Context, key string, r io.Reader, cond api.Condition, state []byte, note func(int64, []byte) error) (api.Object, error) {
	object, err := o.Store.PutFrom(ctx, key, r, storageCond(cond), state, func(c storage.Checkpoint) error { return note(c.Offset, c.State) })
	if errors.Is(err, storage.ErrNoState) {
		err = fmt.Errorf("%w: %w", live.ErrNoState, err)
	}
	return object, err
}

func storageCond(cond api.Condition) (c storage.Cond) {
	if cond.IfMatch != "" {
		c.IfMatch = []string{cond.IfMatch}
	}
	if cond.IfNew {
		c.IfNoneMatch = []string{"*"}
	}
	return c
}

func (o liveObjects) Delete(ctx context.Context, key string) error {
	return o.Store.Delete(ctx, key, storage.Cond{})
}

func (o liveObjects) Rename(ctx context.Context, from, to string, replace bool) (api.Object, error) {
	cond := storage.Cond{IfNoneMatch: []string{"*"}}
	if replace {
		cond = storage.Cond{}
	}
	return o.Store.Rename(ctx, from, to, cond)
}

// liveCache is the cache as the WebSocket uses it.
type liveCache struct {
	*cachectl.Controller
	store *storage.Store
}

func (c liveCache) Clear(ctx context.Context) error { return c.store.Clear(ctx) }

func (c liveCache) Cached(ctx context.Context, key string) (api.Cached, error) {
	return c.store.Cached(ctx, key)
}

func (c liveCache) Invalidate(ctx context.Context, key string) error {
	return c.store.Invalidate(ctx, key)
}
