package ui

import (
	"context"
	"encoding/json"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// client is the connection to the backend. Its errors are *[api.Error].
type client interface {
	Call(ctx context.Context, method string, params, result any) error
	Upload(ctx context.Context, what sending, file app.Value, progress func(sent, size int64)) error
	Retry() // dial at once if there is no connection
}

// callTimeout is how long a call may take.
const callTimeout = 20 * time.Second

// change tells watchers what is new; several may come together.
type change int

const (
	changeStart   change = 1 << iota // what was seen last is known; comes once, after the first page is mounted
	changeConn                       // the connection came or went
	changeStats                      // the window of statistics
	changeCache                      // the cache's settings or health
	changeObjects                    // objects were stored or deleted, see news.touches
	changeUploads                    // the queue of uploads
	changeSending                    // how far the uploads are
	changeFrame                      // what the shell shows: toasts, questions
	changeClock                      // a second has passed
	changeTexts                      // the language
	changeWindow                     // the statistics shown are of another window
	changePilot                      // the autopilot
	changeLab                        // the experiment of the lab
	changeKeys                       // the keys that stand out in the cache
	changeCurves                     // the curves, or what is shown of them
)

// watcher is a mounted component that follows the session. It is called on the
// UI goroutine and redraws itself.
type watcher interface {
	sessionChanged(c change, n *news)
}

// session is what all pages share: the connection, what is known of the
// server, the uploads, and what the shell shows. Only the UI goroutine uses it;
// the inbox alone is filled from others.
type session struct {
	ctx      app.Context
	client   client
	box      inbox
	watchers []watcher

	conn      connState
	guarded   bool // one has to log in
	who       api.Who
	network   bool // false when the browser knows that it has none
	cacheDown bool
	cache     *api.Cache
	cacheAt   int64 // when it was seen, in Unix milliseconds
	pilot     *api.Autopilot
	stats     window
	long      window // a longer one that is shown in its place; of no length when there is none
	longErr   string // why it could not be read
	longAt    int64  // when it was read
	curves    curvesSeen
	statsAt   int64
	statsKept int64
	uploads   queue
	outbox    box // nil until it is open, or where there is none
	saver     saver
	noOutbox  bool // nothing can wait for the network in this browser
	adopting  bool
	shrink    bool // make photographs smaller
	seen      seen
	known     known

	lastQuery listQuery // the list that was shown last, for a quick way back
	lastRun   *run
	scroll    float64 // where it was scrolled to

	scrolled func()   // what follows the scrolling, if anything does
	undo     []string // the keys that were deleted last
	lastUndo int      // the toast that offers to undo that

	toasts    []toast
	lastToast int
	question  question
	said      string // announced to assistive technology

	openPalette func()               // set while there is one
	lab         lab                  // the experiment
	openTrace   func(file app.Value) // takes a file that is dropped; nil where files are to be stored
}

func newSession() *session {
	return &session{network: true, stats: newWindow(api.Stats{}), lab: newLab()}
}

// start connects and begins to listen; it runs once, in the browser.
func (s *session) start(ctx app.Context) {
	s.ctx = ctx
	s.box.flush = func() { s.dispatch(s.receive) }
	s.seen = seen{storage: ctx.LocalStorage()}
	s.guarded = askedForLogin()
	s.recallAll()
	s.conn.Since = time.Now()
	s.lab.crew.start, s.lab.cores, s.lab.clock = s.startLabWorker, cores(), now
	s.listenToBrowser()
	s.openOutbox()
	s.client = connect(
		func(c connState) { s.box.put(func(n *news) { n.conn = &c }) },
		func(method string, params json.RawMessage) { s.box.put(func(n *news) { n.note(method, params) }) },
	)
	go s.tickClock()
	s.notify(changeStart|changeConn|changeStats|changeCache, nil)
}

// dispatch runs f on the UI goroutine. Unlike a Dispatch of the context, it draws
// nothing by itself: whoever has changed says so.
func (s *session) dispatch(f func()) {
	s.ctx.Dispatcher().Dispatch(app.Dispatch{Mode: app.Next, Function: func(app.Context) { f() }})
}

// recallAll fills in what was seen last.
func (s *session) recallAll() {
	if c := recall[*api.Cache](s.seen, seenCache); c.Value != nil {
		s.cache, s.cacheAt = c.Value, c.At
	}
	if w := recall[api.Stats](s.seen, seenStats); w.At != 0 {
		s.stats, s.statsAt = newWindow(w.Value), w.At
	}
	s.who = recall[api.Who](s.seen, seenWho).Value
	s.curves.seenValue = recall[api.Insight](s.seen, seenCurves)
}

// tickClock tells the pages of every second, for what they show changes with it.
func (s *session) tickClock() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
			s.dispatch(func() { s.notify(changeClock, nil) })
		}
	}
}

// note takes a notification of the server; one that cannot be read is dropped,
// because the next one of its kind says it again.
func (n *news) note(method string, params json.RawMessage) {
	switch method {
	case api.NoteStats:
		var t api.Tick
		if json.Unmarshal(params, &t) == nil {
			n.addTick(t)
		}
	case api.NoteCache:
		var c api.Cache
		if json.Unmarshal(params, &c) == nil {
			n.cache = &c
		}
	case api.NotePilot:
		var p api.Autopilot
		if json.Unmarshal(params, &p) == nil {
			n.pilot = &p
		}
	case api.NoteKeys:
		var k api.CacheKeys
		if json.Unmarshal(params, &k) == nil {
			n.standOut = &k
		}
	case api.NoteInsight:
		var in api.Insight
		if json.Unmarshal(params, &in) == nil {
			n.insight = &in
		}
	case api.NoteChanged:
		var c api.Changed
		if json.Unmarshal(params, &c) == nil {
			n.addChanged(c)
		}
	}
}

// receive hands on what has arrived.
func (s *session) receive() {
	n := s.box.take()
	var c change
	came := false
	if n.conn != nil {
		c |= changeConn
		came = s.connected(*n.conn)
	}
	if n.cache != nil {
		c |= changeCache
		s.setCache(n.cache)
	}
	if n.pilot != nil {
		c |= changePilot
		s.pilot = n.pilot
	}
	if n.standOut != nil {
		c |= changeKeys
	}
	if len(n.ticks) > 0 {
		c |= changeStats
		s.addTicks(n.ticks)
	}
	if n.insight != nil {
		c |= changeCurves
		s.setCurves(*n.insight)
	}
	if n.changed {
		c |= changeObjects
	}
	if len(n.lab) > 0 {
		c |= changeLab
		n.labChanged = s.lab.hear(n.lab)
	}
	if len(n.finished) > 0 {
		c |= changeUploads
	}
	if len(n.progress)+len(n.finished)+len(n.shrunk) > 0 {
		c |= changeSending
		s.takeProgress(&n)
	}
	s.notify(c, &n)
	if came { // after the page, whose questions come first
		s.loadWho()
		s.subscribe()
		s.askCurves()
		s.adopt()
		s.pump()
		checkUpdate()
	}
}

// connected takes the state of the connection, and tells whether there is one now
// and was none before.
func (s *session) connected(c connState) (came bool) {
	came = c.Online && !s.conn.Online
	if s.conn.Online == c.Online && !s.conn.Since.IsZero() {
		c.Since = s.conn.Since
	}
	s.conn = c
	if !c.Online && c.Err != "" {
		s.checkLogin()
	}
	return came
}

// subscribe asks for the statistics and the cache's settings.
func (s *session) subscribe() {
	stats := new(api.Stats)
	s.call(api.MethodSubscribe, api.StatsQuery{}, stats, func(err error) {
		if err == nil {
			s.stats.renew(*stats)
			s.statsAt = wallNow()
			s.notify(changeStats, nil)
		}
	})
	s.loadCache(nil)
}

// loadCache reads the cache's settings; done may be nil.
func (s *session) loadCache(done func(error)) {
	cache := new(api.Cache)
	s.call(api.MethodCache, api.Empty{}, cache, func(err error) {
		if err == nil {
			s.setCache(cache)
			s.notify(changeCache, nil)
		}
		if done != nil {
			done(err)
		}
	})
}

func (s *session) setCache(c *api.Cache) {
	s.cache, s.cacheAt = c, wallNow()
	s.cacheDown = len(c.Nodes) > 0 && usageOf(c).Up == 0
	_ = keep(s.seen, seenCache, s.cacheAt, c)
}

func (s *session) addTicks(ticks []api.Tick) {
	for _, t := range ticks {
		s.stats.add(t)
		if s.long.Seconds > 0 && s.long.Node == "" {
			s.long.add(t)
		}
		s.cacheDown = !t.Up
	}
	s.statsAt = wallNow()
	if s.statsAt-s.statsKept > keepStatsEvery {
		s.keepStats()
	}
}

// keepStatsEvery is how often the statistics are kept in the browser, in milliseconds:
// that takes as long as to draw the page.
const keepStatsEvery = 30_000

// shown is the window of statistics that is on the page.
func (s *session) shown() *window {
	if s.long.Seconds > 0 {
		return &s.long
	}
	return &s.stats
}

// show asks for a longer window of statistics, or for that of one node; the last ten
// minutes of all are there. What comes live is of all, and is added to that until it is
// asked for again.
func (s *session) show(seconds int, node string) {
	if seconds <= api.DefaultWindow && node == "" {
		s.long, s.longErr = window{}, ""
		s.notify(changeWindow, nil)
		return
	}
	if s.long.Seconds != seconds || s.long.Node != node {
		s.long = window{Seconds: seconds, Node: node, Now: s.stats.Now}
	}
	s.longAt = wallNow()
	s.notify(changeWindow, nil)
	stats := new(api.Stats)
	s.call(api.MethodSubscribe, api.StatsQuery{Seconds: seconds, Node: node}, stats, func(err error) {
		if s.long.Seconds != seconds || s.long.Node != node {
			return // another one is wanted by now
		}
		s.longErr = ""
		if err != nil {
			s.longErr = failure(err)
		} else {
			s.long.renew(*stats)
			s.long.Node = node
		}
		s.notify(changeWindow, nil)
	})
}

func (s *session) keepStats() {
	s.statsKept = s.statsAt
	_ = keep(s.seen, seenStats, s.statsAt, api.Stats{Now: s.stats.Now, Seconds: s.stats.Seconds, Samples: s.stats.Samples, Marks: s.stats.Marks})
}

// call runs a method of the server and then done, on the UI goroutine.
func (s *session) call(method string, params, result any, done func(error)) {
	go func() {
		ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
		defer cancel()
		err := s.client.Call(ctx, method, params, result)
		s.dispatch(func() {
			done(err)
			if list, ok := result.(*api.List); ok && err == nil {
				s.ctx.Defer(func(app.Context) { s.saw(list.Objects) }) // once it is drawn
			}
		})
	}()
}

func (s *session) watch(w watcher) { s.watchers = append(s.watchers, w) }

func (s *session) unwatch(w watcher) {
	for i, x := range s.watchers {
		if x == w {
			s.watchers = append(s.watchers[:i:i], s.watchers[i+1:]...)
			return
		}
	}
}

func (s *session) notify(c change, n *news) {
	if c == 0 {
		return
	}
	for _, w := range s.watchers {
		w.sessionChanged(c, n)
	}
}

// live tells whether what a page shows is as the server has it now.
func (s *session) live() bool { return s.conn.Online }

// away tells whether there is no connection, after there was time for one.
func (s *session) away() bool { return !s.conn.Online && !s.conn.Since.IsZero() }

// notice is what the shell says about the connection.
func (s *session) notice() notice {
	return connNotice(s.conn, s.network, s.cacheDown, time.Now())
}
