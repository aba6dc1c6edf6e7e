package ui

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"memcache/shared/api"
)

func TestInboxMergesUntilTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flushed := 0
		b := inbox{flush: func() { flushed++ }}
		for i := range 10_000 {
			b.put(func(n *news) {
				n.addTick(api.Tick{Sample: api.Sample{Time: int64(i)}, Up: true})
				n.addProgress(i%3, int64(i))
				n.addChanged(api.Changed{Key: fmt.Sprint(i)})
			})
		}
		time.Sleep(10 * flushEvery)
		synctest.Wait()
		if flushed != 1 {
			t.Fatalf("flushed %d times before the news were taken, want once", flushed)
		}
		n := b.take()
		if len(n.ticks) != api.DefaultWindow || n.ticks[len(n.ticks)-1].Sample.Time != 9999 {
			t.Errorf("%d ticks are kept, want the newest %d", len(n.ticks), api.DefaultWindow)
		}
		if len(n.progress) != 3 || n.progress[0] != 9999 {
			t.Errorf("the progress is %v, want the newest of each upload", n.progress)
		}
		if len(n.keys) != 0 || !n.touches("anything") {
			t.Error("when very many keys have changed, any may have")
		}
		b.put(func(n *news) { n.addChanged(api.Changed{Key: "a"}) })
		time.Sleep(2 * flushEvery)
		synctest.Wait()
		if flushed != 2 {
			t.Errorf("flushed %d times, want once more after the news were taken", flushed)
		}
		if n := b.take(); !n.touches("a") || n.touches("b") || len(n.ticks) != 0 {
			t.Errorf("the news are %+v, want the change of a alone", n)
		}
	})
}

func TestNewsOfChanges(t *testing.T) {
	var n news
	if n.touches("a") {
		t.Error("nothing has changed, but a has")
	}
	n.note(api.NoteChanged, []byte(`{"key":"a"}`))
	n.note(api.NoteChanged, []byte(`{"key":"b","deleted":true}`))
	if !n.touches("a") || !n.touches("b") || n.touches("c") {
		t.Errorf("the keys are %v, want a and b", n.keys)
	}
	n.note(api.NoteChanged, []byte(`{}`))
	n.note(api.NoteChanged, []byte(`{"key":"d"}`))
	if !n.touches("c") {
		t.Error("after a change of unknown keys, c may have changed")
	}
}

func TestNewsFromTheServer(t *testing.T) {
	var n news
	n.note(api.NoteStats, []byte(`{"sample":{"t":5,"hits":2},"up":true}`))
	n.note(api.NoteCache, []byte(`{"capacity":1048576,"policy":"lru"}`))
	for _, method := range []string{api.NoteStats, api.NoteCache, api.NoteChanged, "unknown"} {
		n.note(method, []byte(`[broken`))
	}
	if len(n.ticks) != 1 || n.ticks[0].Sample.Hits != 2 || n.cache == nil || n.cache.Policy != "lru" || n.changed {
		t.Errorf("the news are %+v", n)
	}
}
