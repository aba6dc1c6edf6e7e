package front

import (
	"net/http"
	"time"
)

// job is a request for the handler.
type job struct {
	c *conn
	r *http.Request
}

func (j job) do() {
	err := j.c.serve(j.r)
	j.c.loop.inbox.Do(func() { j.c.handled(err) })
}

// spareTime is how long a worker waits for another job.
const spareTime = time.Second

// begin gives a job to a worker that waits for one, or to a new one.
func (l *Listener) begin(j job) {
	select {
	case l.jobs <- j:
	default:
		l.running.Go(func() { l.work(j) })
	}
}

// work does a job, and others as long as they come: a goroutine that has done one
// has the stack that handlers need, which takes time to grow.
func (l *Listener) work(j job) {
	idle := time.NewTimer(spareTime)
	defer idle.Stop()
	for {
		j.do()
		idle.Reset(spareTime)
		select {
		case j = <-l.jobs:
		case <-idle.C:
			return
		case <-l.open.Done():
			return
		}
	}
}
