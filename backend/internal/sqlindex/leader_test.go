package sqlindex

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestOneLeads(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		lead := func(holder string, term time.Duration) bool {
			t.Helper()
			leads, err := db.Lead(t.Context(), holder, term)
			if err != nil {
				t.Fatal(err)
			}
			return leads
		}
		var leaders atomic.Int64
		var first atomic.Value
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if holder := strconv.Itoa(i); lead(holder, time.Hour) {
					leaders.Add(1)
					first.Store(holder)
				}
			})
		}
		wg.Wait()
		if leaders.Load() != 1 {
			t.Fatalf("%d of 8 lead", leaders.Load())
		}
		holder := first.Load().(string)
		if !lead(holder, time.Hour) || lead("another", time.Hour) {
			t.Error("the leader cannot go on, or another can lead, too")
		}
		if err := db.Resign(t.Context(), "another"); err != nil || lead("another", time.Hour) {
			t.Errorf("who does not lead has given the lead back: %v", err)
		}
		if err := db.Resign(t.Context(), holder); err != nil || !lead("another", time.Millisecond) {
			t.Errorf("nobody can lead after the leader has resigned: %v", err)
		}
		for !lead("the next", time.Hour) { // until the millisecond is over
			time.Sleep(time.Millisecond)
		}
	})
}
