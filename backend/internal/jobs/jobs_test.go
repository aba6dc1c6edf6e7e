package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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

func TestJobsRunAgainAfterErrorsAndPanics(t *testing.T) {
	var out syncBuffer
	var runs atomic.Int64
	done := make(chan struct{})
	s, err := Start(slog.New(slog.NewTextHandler(&out, nil)), Job{
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

func TestJobDoesNotOverlapAndIsWaitedFor(t *testing.T) {
	var running, worst, ended atomic.Int64
	started := make(chan struct{}, 1)
	s, err := Start(slog.New(slog.DiscardHandler), Job{
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
	s, err := Start(slog.New(slog.NewTextHandler(&out, nil)), Job{
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
