package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// syncBuffer is a log destination that several goroutines may use.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestFault86_JobsRunAgainAfterErrorsAndPanics(t *testing.T) {
	var out syncBuffer
	var runs atomic.Int64
	done := make(chan struct{})
	s, err := Start(slog.New(slog.NewTextHandler(&out, nil)), nil, Job{
		Name: "shaky", Every: 5 * time.Millisecond,
		Do: func(context.Context) error {
			switch runs.Add(1) {
			case 1:
				return errors.New("first run fails")
			case 2:
				panic("second run panics")
			case 3:
				close(done)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-done
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first run fails", "second run panics", "job=shaky"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, out.String())
		}
	}
}

func TestFault86_JobDoesNotOverlapAndIsWaitedFor(t *testing.T) {
	var running, worst, ended atomic.Int64
	started := make(chan struct{}, 1)
	s, err := Start(slog.New(slog.DiscardHandler), nil, Job{
		Name: "slow", Every: time.Millisecond,
		Do: func(ctx context.Context) error {
			if n := running.Add(1); n > worst.Load() {
				worst.Store(n)
			}
			select {
			case started <- struct{}{}:
			default:
			}
			<-ctx.Done() // far longer than the interval: until the schedule stops
			running.Add(-1)
			ended.Add(1)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-started
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if worst.Load() != 1 || running.Load() != 0 || ended.Load() == 0 {
		t.Errorf("ran %d at once, %d still running, %d ended; want 1, 0 and at least 1", worst.Load(), running.Load(), ended.Load())
	}
}

func TestFailuresInARowAreLoggedOnce(t *testing.T) {
	var out syncBuffer
	var runs atomic.Int64
	done := make(chan struct{})
	s, err := Start(slog.New(slog.NewTextHandler(&out, nil)), nil, Job{
		Name: "record", Every: time.Millisecond,
		Do: func(context.Context) error {
			switch n := runs.Add(1); {
			case n <= 5:
				return fmt.Errorf("failure %d", n)
			case n == 7: // the sixth was logged by now
				close(done)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-done
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.Count(text, "job failed") != 1 || !strings.Contains(text, "failure 1") || !strings.Contains(text, "job works again") || !strings.Contains(text, "failures=5") {
		t.Errorf("the log is\n%s", text)
	}
}

// election is one in memory.
type election struct {
	mu     sync.Mutex
	holder string
	until  time.Time
	down   bool
}

var errDown = errors.New("the database is down")

func (e *election) Lead(_ context.Context, holder string, term time.Duration) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return false, errDown
	}
	if e.holder != holder && time.Now().Before(e.until) {
		return false, nil
	}
	e.holder, e.until = holder, time.Now().Add(term)
	return true, nil
}

func (e *election) Resign(_ context.Context, holder string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.holder == holder {
		e.until = time.Time{}
	}
	return nil
}

func (e *election) fail(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

// One of two backends does what is to be done once; the other goes on within ten
// seconds after that has died, and at once after it has stopped in good order.
func TestOnceRunsWhereTheElectorLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &election{}
		var once, each [3]atomic.Int64
		start := func(i int) (*Schedule, *Elector) {
			elector := NewElector(e, strconv.Itoa(i))
			s, err := Start(slog.New(slog.DiscardHandler), elector,
				Job{Name: "once", Every: time.Second, Once: true, Do: func(context.Context) error { once[i].Add(1); return nil }},
				Job{Name: "each", Every: time.Second, Do: func(context.Context) error { each[i].Add(1); return nil }})
			if err != nil {
				t.Fatal(err)
			}
			return s, elector
		}
		first, leader := start(0)
		time.Sleep(3 * time.Second)
		second, follower := start(1)
		time.Sleep(20 * time.Second)
		if once[0].Load() < 20 || once[1].Load() != 0 || each[1].Load() < 19 {
			t.Errorf("once %d and %d, each %d and %d", once[0].Load(), once[1].Load(), each[0].Load(), each[1].Load())
		}
		if leader.Follows() || !follower.Follows() || leader.IsLeader(t.Context()) != nil || follower.IsLeader(t.Context()) == nil {
			t.Error("leader and follower do not know what they are")
		}

		e.fail(true) // nobody can be asked: nobody knows after a term
		time.Sleep(term + renewal)
		if leader.IsLeader(t.Context()) == nil || follower.Follows() {
			t.Error("an answer counts for ever")
		}
		e.fail(false)
		time.Sleep(term + renewal)

		if err := first.Stop(); err != nil {
			t.Fatal(err)
		}
		before := once[1].Load()
		time.Sleep(renewal + 2*time.Second)
		if once[1].Load() == before {
			t.Error("the other does not go on at once")
		}

		// The second dies: it does not resign.
		second.elector.mu.Lock()
		second.elector.leads = false
		second.elector.mu.Unlock()
		if err := second.Stop(); err != nil {
			t.Fatal(err)
		}
		third, _ := start(2)
		time.Sleep(10 * time.Second)
		if once[2].Load() == 0 {
			t.Error("nobody goes on ten seconds after the leader has died")
		}
		if err := third.Stop(); err != nil {
			t.Fatal(err)
		}
	})
}
