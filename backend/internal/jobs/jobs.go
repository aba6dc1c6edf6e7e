// Package jobs is the schedule of what the backend does by itself, and nothing
// else: which function runs how often. The functions live where they belong.
//
// No job overlaps with itself: a run that takes longer than its interval makes
// the next one wait for its turn. A failure is logged, once for as long as it
// lasts, a panic is recovered and logged, and the job runs again at its next turn.
//
// Of several backends on one database one leads, see [Elector]. It alone does what
// must be done once for all of them.
package jobs

import (
	"context"
	"errors"
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
	Once  bool // for all backends: it only runs where the elector leads
	Do    func(context.Context) error
}

const (
	leastTimeout = 5 * time.Second
	stopTimeout  = 10 * time.Second
	// resignTimeout is short: the lead ends by itself, too.
	resignTimeout = time.Second
)

// Schedule runs jobs until it is stopped.
type Schedule struct {
	own, led gocron.Scheduler // led has the jobs of the leader
	cancel   context.CancelFunc
	elector  *Elector
}

// Start runs every job at once and then at its interval. Without an elector this
// backend leads.
func Start(log *slog.Logger, elector *Elector, jobs ...Job) (*Schedule, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Schedule{cancel: cancel, elector: elector}
	if err := s.start(ctx, log, jobs); err != nil {
		cancel()
		return nil, fmt.Errorf("make the schedule: %w", err)
	}
	return s, nil
}

func (s *Schedule) start(ctx context.Context, log *slog.Logger, jobs []Job) (err error) {
	options := []gocron.SchedulerOption{gocron.WithStopTimeout(stopTimeout), gocron.WithLocation(time.UTC)}
	if s.own, err = gocron.NewScheduler(options...); err != nil {
		return err
	}
	s.led = s.own
	if s.elector != nil {
		if s.led, err = gocron.NewScheduler(append(options, gocron.WithDistributedElector(s.elector))...); err != nil {
			return err
		}
		jobs = append([]Job{{Name: "lead", Every: renewal, Do: s.elector.Renew}}, jobs...)
	}
	for _, job := range jobs {
		scheduler := s.own
		if job.Once {
			scheduler = s.led
		}
		if err := add(ctx, log, scheduler, job); err != nil {
			return err
		}
	}
	for _, scheduler := range s.schedulers() {
		scheduler.Start()
	}
	return nil
}

func (s *Schedule) schedulers() []gocron.Scheduler {
	if s.led == s.own {
		return []gocron.Scheduler{s.own}
	}
	return []gocron.Scheduler{s.own, s.led}
}

func add(ctx context.Context, log *slog.Logger, scheduler gocron.Scheduler, job Job) error {
	run := func() error {
		ctx, cancel := context.WithTimeout(ctx, max(job.Every, leastTimeout))
		defer cancel()
		return job.Do(ctx)
	}
	failed := failures{log: log, job: job.Name}
	_, err := scheduler.NewJob(gocron.DurationJob(job.Every), gocron.NewTask(run),
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

// Stop ends the jobs that run and waits for them, for at most ten seconds; then
// another backend may lead.
func (s *Schedule) Stop() error {
	s.cancel()
	var errs []error
	for _, scheduler := range s.schedulers() {
		errs = append(errs, scheduler.Shutdown())
	}
	ctx, cancel := context.WithTimeout(context.Background(), resignTimeout)
	defer cancel()
	s.elector.Resign(ctx)
	return errors.Join(errs...)
}
