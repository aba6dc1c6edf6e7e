package ui

import (
	"sync"
	"time"

	"memcache/shared/api"
)

// flushEvery is how often what arrived is handed to the UI at the most.
const flushEvery = 50 * time.Millisecond

// maxKeys is how many changed keys are told apart; with more, all may have
// changed.
const maxKeys = 64

// news is what arrived since the UI looked last, merged: the UI goroutine may
// be slower than the connection, and what waits for it stays bounded.
type news struct {
	conn     *connState
	ticks    []api.Tick // at most a window's worth, the newest
	cache    *api.Cache
	pilot    *api.Autopilot
	standOut *api.CacheKeys
	insight  *api.Insight
	changed  bool            // objects were stored or deleted
	keys     map[string]bool // which; nil when that is not known
	progress map[int]int64   // bytes sent by upload
	shrunk   map[int]int64   // what is left of the bytes of photographs, by upload
	finished []finished      // at most one per upload
	lab      []labWord       // what the lab's workers tell; of each, the newest progress alone

	labChanged bool // more than progress was among that; set when it is taken
}

// finished is the end of an upload.
type finished struct {
	id  int
	err error
}

// inbox merges what arrives on other goroutines and calls flush, at most every
// flushEvery, for the UI to take it.
type inbox struct {
	flush func()

	mu     sync.Mutex
	news   news
	timing bool
}

// put changes the news under the lock and sees to it that they are taken.
func (b *inbox) put(change func(*news)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.news)
	if !b.timing {
		b.timing = true
		time.AfterFunc(flushEvery, b.flush)
	}
}

// take returns the news and begins anew.
func (b *inbox) take() news {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.news
	b.news, b.timing = news{}, false
	return n
}

func (n *news) addTick(t api.Tick) {
	n.ticks = append(n.ticks, t)
	if over := len(n.ticks) - api.DefaultWindow; over > 0 {
		n.ticks = append(n.ticks[:0], n.ticks[over:]...)
	}
}

func (n *news) addChanged(c api.Changed) {
	first := !n.changed
	n.changed = true
	switch {
	case c.Key == "" || len(n.keys) >= maxKeys:
		n.keys = nil
	case first:
		n.keys = map[string]bool{c.Key: true}
	case n.keys != nil:
		n.keys[c.Key] = true
	}
}

// touches tells whether the object may have changed.
func (n *news) touches(key string) bool {
	return n.changed && (n.keys == nil || n.keys[key])
}

func (n *news) addProgress(id int, sent int64) {
	if n.progress == nil {
		n.progress = make(map[int]int64)
	}
	n.progress[id] = sent
}

func (n *news) addShrunk(id int, size int64) {
	if n.shrunk == nil {
		n.shrunk = make(map[int]int64)
	}
	n.shrunk[id] = size
}

func (n *news) addLab(w labWord) {
	for i := range n.lab {
		if w.tell.Done > 0 && n.lab[i].worker == w.worker && n.lab[i].tell.Done > 0 {
			n.lab[i] = w
			return
		}
	}
	n.lab = append(n.lab, w)
}
