// Package bench is the work of the lab: it opens a trace, or makes one, and replays it
// over policies and capacities, with the code that the cache's server runs. It does
// not know where it runs: in a worker of the browser package main is around it, and
// tests run it natively.
package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"memcache/cache/sim"
	"memcache/cache/trace/unpack"
	"memcache/frontend-wasm/lab/wire"
)

const (
	maxSpans = 120
	maxFirst = 5
	// progressEvery is how often progress is told at the most: each time costs the page
	// something, too.
	progressEvery = 200 * time.Millisecond
)

// Bench holds one trace. Its methods are called one after the other.
type Bench struct {
	// Tell sends word to who asked.
	Tell func(wire.Tell)

	requests []sim.Request
	ends     []int // of the spans
	told     time.Time
}

// Answer does what is asked for. file is what came along with it: size bytes.
func (b *Bench) Answer(ask wire.Ask, file io.Reader, size int64) {
	b.told = time.Now()
	tell, err := b.answer(ask, file, size)
	if err != nil {
		tell = wire.Tell{Error: err.Error()}
	}
	b.Tell(tell)
}

func (b *Bench) answer(ask wire.Ask, file io.Reader, size int64) (t wire.Tell, err error) {
	switch {
	case ask.Generate != "":
		t.Trace, err = b.generate(ask.Generate)
	case ask.Read && file != nil:
		t.Trace, err = b.read(&metered{Reader: file, read: func(n int64) { b.progress(float64(n) / float64(max(size, 1))) }})
	case ask.Run != nil:
		t.Result, err = b.run(*ask.Run)
	default:
		err = errors.New("nothing that a worker can do was asked for")
	}
	return t, err
}

// progress tells which part is done, now and then.
func (b *Bench) progress(part float64) {
	if now := time.Now(); now.Sub(b.told) >= progressEvery {
		b.told = now
		b.Tell(wire.Tell{Done: min(part, 1)})
	}
}

func (b *Bench) generate(text string) (*wire.Trace, error) {
	began := time.Now()
	w, err := sim.ParseWorkload(text)
	if err != nil {
		return nil, err
	}
	if w.Requests > wire.MaxRequests {
		return nil, fmt.Errorf("%d requests are too many for a browser: give at most %d", w.Requests, wire.MaxRequests)
	}
	requests, err := w.Generate()
	if err != nil {
		return nil, err
	}
	return b.take(requests, began), nil
}

func (b *Bench) read(file io.Reader) (*wire.Trace, error) {
	began := time.Now()
	b.requests = nil // makes room
	buffered := bufio.NewReaderSize(file, 1<<20)
	head, _ := buffered.Peek(4)
	t, err := unpack.Read(buffered, wire.MaxRequests)
	if err != nil {
		return nil, err
	}
	seen := b.take(t.Requests, began)
	seen.Header, seen.Format, seen.SHA256 = t.Header, format(head), t.SHA256
	seen.Lines, seen.BadCount = t.Lines, t.BadCount
	for _, l := range t.Bad {
		seen.Bad = append(seen.Bad, wire.Line{Number: l.Number, Text: l.Text, Why: l.Why})
	}
	return seen, nil
}

// format names what a file is compressed with, by its first bytes.
func format(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	}
	return ""
}

// take keeps the requests, and describes them.
func (b *Bench) take(requests []sim.Request, began time.Time) *wire.Trace {
	t := &wire.Trace{Requests: len(requests)}
	t.Keys, t.Bytes = sim.WorkingSet(requests)
	spans, byTime := sim.Spans(requests, maxSpans)
	b.requests, b.ends = requests, nil
	for _, s := range spans {
		b.ends = append(b.ends, s.End)
		t.Ends = append(t.Ends, wire.Span{Request: s.End, Millis: s.Time})
	}
	if byTime {
		t.Millis = requests[len(requests)-1].Time - requests[0].Time
	}
	for i, r := range requests {
		if r.Op == sim.Get {
			t.Gets++
		}
		if i < maxFirst {
			t.First = append(t.First, wire.Row{Millis: r.Time, Key: r.Key, Size: r.Size, Op: [...]string{"get", "set", "delete"}[r.Op]})
		}
	}
	t.Seconds = seconds(began)
	return t
}

func (b *Bench) run(run wire.Run) (*wire.Result, error) {
	if b.requests == nil {
		return nil, errors.New("there is no trace to replay yet")
	}
	began := time.Now()
	cell := sim.Cell{Policy: run.Policy, Capacity: run.Capacity, Seed: run.Seed}
	counted, err := cell.RunSpans(b.requests, b.ends, func(done int) bool {
		b.progress(float64(done) / float64(len(b.requests)))
		return true
	})
	if err != nil {
		return nil, err
	}
	all := counted[len(counted)-1]
	r := &wire.Result{
		Run: run, Requests: all.Requests, Hits: all.Hits, Bytes: all.Bytes, HitBytes: all.HitBytes, Evictions: all.Evictions,
		Seconds: seconds(began),
	}
	var before sim.Result
	for _, c := range counted {
		r.Spans = append(r.Spans, wire.Count{Requests: c.Requests - before.Requests, Hits: c.Hits - before.Hits})
		before = c
	}
	return r, nil
}

func seconds(since time.Time) float64 { return math.Round(time.Since(since).Seconds()*1000) / 1000 }

// metered tells how much was read.
type metered struct {
	io.Reader
	n    int64
	read func(n int64)
}

func (m *metered) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	m.n += int64(n)
	m.read(m.n)
	return n, err
}
