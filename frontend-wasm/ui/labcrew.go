package ui

import (
	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/cache/sim"
	"memcache/frontend-wasm/lab/wire"
)

// labWorker is a worker of the lab. It tells what it has to say by its id.
type labWorker interface {
	ask(a wire.Ask, file app.Value) // file may be nil
	end()
}

// labWord is what a worker has told.
type labWord struct {
	worker int
	tell   wire.Tell
}

// labSource is where a trace comes from: a file, or else a workload as text.
type labSource struct {
	Workload string
	File     app.Value // a File or Blob; its bytes stay in the browser
	Name     string    // of the file
}

func (s labSource) ask() wire.Ask {
	if s.File != nil {
		return wire.Ask{Read: true}
	}
	return wire.Ask{Generate: s.Workload}
}

// crew are the workers of the lab: each has a copy of the trace, and they share the
// cells among them. They are called on the UI goroutine alone.
type crew struct {
	start func(id int) labWorker

	lastID  int
	members []*labMember
	source  labSource
	version int // of the source: members that have another one open the new one first
	cells   []sim.Cell
	next    int // of cells
}

// labMember is a worker and what it does.
type labMember struct {
	id      int
	worker  labWorker
	ready   bool
	opening bool
	opened  int     // the version of the source that it has
	cell    int     // that it replays, or -1
	part    float64 // of what it does, that is done
}

// take replaces the source; who is busy with the one before is let go.
func (c *crew) take(source labSource) {
	c.source = source
	c.version++
	c.cells, c.next = nil, 0
	var idle []*labMember
	for _, m := range c.members {
		if m.opening || m.cell >= 0 {
			m.worker.end()
			continue
		}
		idle = append(idle, m)
	}
	c.members = idle
}

// open has one worker open the source, unless one does or did.
func (c *crew) open() {
	c.grow(1)
	c.members[0].goOn(c)
}

// run has n workers replay the trace over cells.
func (c *crew) run(cells []sim.Cell, n int) {
	c.cells, c.next = cells, 0
	c.grow(max(1, min(n, len(cells))))
	for _, m := range c.members {
		m.goOn(c)
	}
}

func (c *crew) grow(n int) {
	for len(c.members) < n {
		c.lastID++
		c.members = append(c.members, &labMember{id: c.lastID, worker: c.start(c.lastID), cell: -1})
	}
}

// stop ends all workers. What they were at is lost; that they end at once is the
// point.
func (c *crew) stop() {
	for _, m := range c.members {
		m.worker.end()
	}
	c.members, c.cells, c.next = nil, nil, 0
}

func (c *crew) member(id int) *labMember {
	for _, m := range c.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// working tells whether cells are left or being replayed.
func (c *crew) working() bool {
	for _, m := range c.members {
		if m.cell >= 0 {
			return true
		}
	}
	return c.next < len(c.cells)
}

// done is the part of the cells that is done, those being replayed by their parts.
func (c *crew) done() float64 {
	if len(c.cells) == 0 {
		return 0
	}
	sum := float64(c.next)
	for _, m := range c.members {
		if m.cell >= 0 {
			sum += m.part - 1
		}
	}
	return sum / float64(len(c.cells))
}

// goOn gives a worker what it is to do next, if it can take it.
func (m *labMember) goOn(c *crew) {
	switch {
	case !m.ready || m.opening || m.cell >= 0:
	case m.opened != c.version:
		m.opening, m.part = true, 0
		m.worker.ask(c.source.ask(), c.source.File)
		m.opened = c.version
	case c.next < len(c.cells):
		m.cell, m.part = c.next, 0
		cell := c.cells[c.next]
		c.next++
		m.worker.ask(wire.Ask{Run: &wire.Run{Policy: cell.Policy, Capacity: cell.Capacity, Seed: cell.Seed}}, nil)
	}
}
