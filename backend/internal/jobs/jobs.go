// Package jobs is the schedule of what the backend does by itself, and nothing
// else: which function runs how often. The functions live where they belong.
//
// No job overlaps with itself: a run that takes longer than its interval makes
// the next one wait for its turn. A failure is logged, once for as long as it
// lasts, a panic is recovered and logged, and the job runs again at its next turn.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"
)

// Job runs Do every Every; Do's context ends with the schedule or after Every,
// but no sooner than [leastTimeout].
type Job struct {
	Name  string
	Every time.Duration
	Do    func(context.Context) error
}

const (
	leastTimeout = 5 * time.Second
	stopTimeout  = 10 * time.Second
)

// Schedule runs jobs until it is stopped.
type Schedule struct {
	scheduler gocron.Scheduler
	cancel    context.CancelFunc
}

// Start runs every job at once and then at its interval.
func Start(log *slog.Logger, jobs ...Job) (*Schedule, error) {
	scheduler, err := gocron.NewScheduler(gocron.WithStopTimeout(stopTimeout), gocron.WithLocation(time.UTC))
	if err != nil {
		return nil, fmt.Errorf("make the scheduler: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Schedule{scheduler: scheduler, cancel: cancel}
	for _, job := range jobs {
		if err := s.add(ctx, log, job); err != nil {
			cancel()
			return nil, err
		}
	}
	scheduler.Start()
	return s, nil
}

func (s *Schedule) add(ctx context.Context, log *slog.Logger, job Job) error {
	run := func() error {
		ctx, cancel := context.WithTimeout(ctx, max(job.Every, leastTimeout))
		defer cancel()
		return job.Do(ctx)
	}
	failed := failures{log: log, job: job.Name}
	_, err := s.scheduler.NewJob(gocron.DurationJob(job.Every), gocron.NewTask(run),
		gocron.WithName(job.Name),
		gocron.WithSingletonMode(gocron.LimitModeReschedule),
		gocron.WithStartAt(gocron.WithStartImmediately()),
		gocron.WithEventListeners(
			gocron.AfterJobRuns(func(uuid.UUID, string) { failed.ended() }),
			gocron.AfterJobRunsWithError(func(_ uuid.UUID, _ string, err error) {
				if ctx.Err() == nil {
					failed.add(err)
				}
			}),
			gocron.AfterJobRunsWithPanic(func(_ uuid.UUID, name string, reason any) {
				log.Error("job panicked", "job", name, "panic", reason)
			}),
		))
	if err != nil {
		return fmt.Errorf("schedule the job %q: %w", job.Name, err)
	}
	return nil
}

// failures are the runs of a job that failed in a row. A database that is down
// for an hour fails thousands of them: the first one is worth a warning. Runs of
// a job do not overlap, but their listeners may.
type failures struct {
	log *slog.Logger
	job string

	mu sync.Mutex
	n  int
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	level := slog.LevelWarn
	if f.n > 1 {
		level = slog.LevelDebug
	}
	f.log.Log(context.Background(), level, "job failed", "job", f.job, "error", err)
}

// ended is told of a run that did not fail.
func (f *failures) ended() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n > 1 {
		f.log.Info("job works again", "job", f.job, "failures", f.n)
	}
	f.n = 0
}

// Stop ends the jobs that run and waits for them, for at most ten seconds.
func (s *Schedule) Stop() error {
	s.cancel()
	return s.scheduler.Shutdown()
}
