package sqlindex

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// Of those who change the autopilot from the same version, one is first, and it is
// with the capacity as with the state: both or neither.
func TestTheAutopilotIsChangedByOneAtATime(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		state, version, err := db.Autopilot(t.Context())
		if err != nil || len(state) != 0 {
			t.Fatalf("a new database has %q, %v", state, err)
		}
		before, err := db.Settings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var saved atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				ok, err := db.SaveAutopilot(t.Context(), []byte(strconv.Itoa(i)), version, before.Capacity, before.Capacity+int64(i+1))
				if err != nil {
					t.Error(err)
				}
				if ok {
					saved.Add(1)
				}
			})
		}
		wg.Wait()
		state, next, err := db.Autopilot(t.Context())
		if err != nil || saved.Load() != 1 || next != version+1 {
			t.Fatalf("%d were first, the version went from %d to %d, %v", saved.Load(), version, next, err)
		}
		after, err := db.Settings(t.Context())
		if i, _ := strconv.Atoi(string(state)); err != nil || after.Capacity != before.Capacity+int64(i+1) || after.Policy != before.Policy {
			t.Errorf("with the state %q the settings are %+v, %v", state, after, err)
		}
	})
}

// A capacity that somebody has changed meanwhile is not overwritten.
func TestTheAutopilotComesAfterAPerson(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		if err := db.SaveSettings(t.Context(), 5<<20, "lru"); err != nil {
			t.Fatal(err)
		}
		ok, err := db.SaveAutopilot(t.Context(), []byte("{}"), 0, 4<<20, 8<<20)
		if ok || err != nil {
			t.Errorf("saved %v, %v", ok, err)
		}
		state, version, err := db.Autopilot(t.Context())
		settings, also := db.Settings(t.Context())
		if err != nil || also != nil || len(state) != 0 || version != 0 || settings.Capacity != 5<<20 {
			t.Errorf("the state is %q, the version %d, the settings %+v, %v, %v", state, version, settings, err, also)
		}
		if ok, err = db.SaveAutopilot(t.Context(), []byte("{}"), 0, 5<<20, 5<<20); !ok || err != nil {
			t.Errorf("without a change of the capacity: %v, %v", ok, err)
		}
	})
}
