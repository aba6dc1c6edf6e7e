package jobs

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// term is how long a leader may go on without being heard of.
	term = 6 * time.Second
	// renewal is how often the leader asks to go on, and the others to lead. So the
	// jobs of one that died go on elsewhere within term and renewal.
	renewal = 2 * time.Second
)

// Election is where several backends agree on a leader.
type Election interface {
	// Lead makes holder the leader for term, unless another is.
	Lead(ctx context.Context, holder string, term time.Duration) (leads bool, err error)
	// Resign lets another lead at once, if holder does.
	Resign(ctx context.Context, holder string) error
}

// Elector knows whether this backend leads those that share its database. A nil
// Elector is of a backend that is alone, and always leads.
type Elector struct {
	election Election
	name     string // of this backend, unlike all others'

	mu    sync.Mutex
	leads bool
	until time.Time // when what is known of leads is known no more
}

// NewElector returns the elector of the backend called name, which nobody else is.
func NewElector(e Election, name string) *Elector { return &Elector{election: e, name: name} }

var errFollows = errors.New("another backend leads")

// IsLeader is nil if this backend leads; gocron asks before each job.
func (e *Elector) IsLeader(context.Context) error {
	if e.Leads() {
		return nil
	}
	return errFollows
}

// Leads tells whether this backend leads for certain.
func (e *Elector) Leads() bool { return e == nil || e.knows(true) }

// Follows tells whether another backend leads for certain.
func (e *Elector) Follows() bool { return e != nil && e.knows(false) }

// knows tells whether it is certain that this backend leads, or that it does not.
func (e *Elector) knows(leading bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.leads == leading && time.Now().Before(e.until)
}

// Renew asks to lead. While there is no answer, what was known holds for a term.
func (e *Elector) Renew(ctx context.Context) error {
	began := time.Now()
	leads, err := e.election.Lead(ctx, e.name, term)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leads, e.until = leads, began.Add(term)
	return nil
}

// Resign ends the lead, so that another need not wait until its term is over, as it
// must when the database does not answer.
func (e *Elector) Resign(ctx context.Context) {
	if e == nil {
		return
	}
	e.mu.Lock()
	leads := e.leads
	e.until = time.Time{}
	e.mu.Unlock()
	if leads {
		_ = e.election.Resign(ctx, e.name)
	}
}
