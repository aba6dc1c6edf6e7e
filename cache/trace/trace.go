// Package trace reads traces: requests for keys, as CSV with a header. The columns
// time, key and size may stand in any order; of others, op is known, as the
// recorder of the cache writes it:
//
//	time,key,size,op
//	0.000,5f2d81c0a7e3b964,4096,hit
//
// time is in seconds; key a number, or any text; size in bytes. op is get (or
// nothing), hit, miss (whose size is not known: the set that follows tells it), set
// or delete. A file without a header has the columns time, key, size.
//
// The package compiles to WebAssembly and imports only the pure part of the
// standard library.
package trace

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"

	"memcache/cache/sim"
)

const (
	maxLine = 64 << 10 // bytes
	maxBad  = 20       // lines that are told of
	maxSize = 1 << 40  // bytes
)

// Trace is what a file holds.
type Trace struct {
	Requests []sim.Request
	Header   string // the line that names the columns; "" when there is none
	Lines    int    // without the header
	Bad      []Line // the first lines that could not be read
	BadCount int    // how many those were in all
}

// Line is one that could not be read.
type Line struct {
	Number int    // from 1
	Text   string // its beginning
	Why    string
}

// Read reads a whole trace of at most so many requests. Bad lines are left out and
// told of. The error is that of reading, or says that nothing could be understood.
func Read(r io.Reader, most int) (Trace, error) {
	p := parser{known: map[uint64]int64{}, waiting: map[uint64][]int{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	for number := 1; lines.Scan(); number++ {
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" || text[0] == '#' || p.columns == nil && p.header(text) {
			continue
		}
		p.Lines++
		if why := p.line(text); why != "" {
			p.bad(Line{number, text, why})
		}
		if len(p.Requests) > most {
			return p.Trace, errors.New("the trace has more than " + strconv.Itoa(most) + " requests: cut it into parts")
		}
	}
	p.end()
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return p.Trace, errors.New("line " + strconv.Itoa(p.Lines+2) + " is longer than " + strconv.Itoa(maxLine) + " bytes: this is no trace")
	case err != nil:
		return p.Trace, err
	case len(p.Requests) == 0 && len(p.Bad) > 0:
		return p.Trace, errors.New("no line is a request: line " + strconv.Itoa(p.Bad[0].Number) + ": " + p.Bad[0].Why)
	case len(p.Requests) == 0:
		return p.Trace, errors.New("there are no requests in it: a trace is CSV with the columns time,key,size")
	}
	return p.Trace, nil
}

type parser struct {
	Trace
	columns *columns
	known   map[uint64]int64 // sizes of what is there, by key
	waiting map[uint64][]int // places in Requests of misses whose sizes are not known yet, by key
	fields  []string
}

// columns are the places of the columns, or -1.
type columns struct{ time, key, size, op int }

// header notes the columns, and tells whether the line is a header at all.
func (p *parser) header(line string) bool {
	c := columns{-1, -1, -1, -1}
	for i, name := range strings.Split(line, ",") {
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "time":
			c.time = i
		case "key":
			c.key = i
		case "size":
			c.size = i
		case "op":
			c.op = i
		}
	}
	if c.key < 0 || c.size < 0 {
		p.columns = &columns{0, 1, 2, -1}
		return false
	}
	p.columns, p.Header = &c, line
	return true
}

func (p *parser) bad(l Line) {
	if len(l.Text) > 80 {
		l.Text = l.Text[:80]
	}
	if p.BadCount++; len(p.Bad) < maxBad {
		p.Bad = append(p.Bad, l)
	}
}

// line takes a line in; it returns why it cannot.
func (p *parser) line(text string) (why string) {
	p.fields = append(p.fields[:0], strings.Split(text, ",")...)
	field := func(i int) string {
		if i < 0 || i >= len(p.fields) {
			return ""
		}
		return strings.TrimSpace(p.fields[i])
	}
	var r sim.Request
	key, op := field(p.columns.key), strings.ToLower(field(p.columns.op))
	if key == "" {
		return "it has no key"
	}
	r.Key = number(key)
	if text := field(p.columns.time); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds >= -1e15 && seconds <= 1e15) {
			return "the time " + strconv.Quote(text) + " is not a number of seconds"
		}
		r.Time = int64(seconds * 1000)
	}
	switch op {
	case "", "get", "hit", "set":
		size, err := strconv.ParseInt(field(p.columns.size), 10, 64)
		if err != nil || size < 0 || size > maxSize {
			return "the size " + strconv.Quote(field(p.columns.size)) + " is not a number of bytes"
		}
		r.Size = size
	case "miss", "delete":
	default:
		return "the operation " + strconv.Quote(op) + " is none of get, hit, miss, set and delete"
	}
	p.take(r, op)
	return ""
}

// number makes a number of a key: its own, or a hash of its text.
func number(key string) uint64 {
	if n, err := strconv.ParseUint(key, 10, 64); err == nil {
		return n
	}
	h := uint64(0xcbf29ce484222325)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 0x100000001b3
	}
	return sim.Hash(h)
}

// take makes a request of a line. A miss is a request for what is stored next; that
// set is no request of its own then.
func (p *parser) take(r sim.Request, op string) {
	waiting := p.waiting[r.Key]
	switch op {
	case "miss":
		p.waiting[r.Key] = append(waiting, len(p.Requests))
		r.Size = p.known[r.Key]
	case "set":
		delete(p.waiting, r.Key)
		before, known := p.known[r.Key]
		p.known[r.Key] = r.Size
		for _, i := range waiting {
			p.Requests[i].Size = r.Size
		}
		if len(waiting) > 0 && (!known || before == r.Size) {
			return
		}
		r.Op = sim.Put
	case "delete":
		delete(p.known, r.Key)
		r.Op = sim.Delete
	default:
		p.known[r.Key] = r.Size
	}
	p.Requests = append(p.Requests, r)
}

// end frees what was needed on the way.
func (p *parser) end() { p.known, p.waiting, p.fields = nil, nil, nil }
