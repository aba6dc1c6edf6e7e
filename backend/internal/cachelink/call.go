package cachelink

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"
)

// replyKind is the form that a command's reply has.
type replyKind int

const (
	replyLine  replyKind = iota // one line
	replyValue                  // of mg: one line, perhaps with a value after it
	replyStats                  // STAT lines up to END
)

// call is one command and its reply. Its caller and the connection's reader
// share it: whoever moves state on first decides whether the caller still gets
// the reply.
type call struct {
	kind       replyKind
	line       []byte // the command with its line end
	head, body []byte // its data block, if any, without the line end

	deadline time.Time // of the reply
	state    atomic.Int32
	done     chan struct{} // gets one element when the reply is there

	err    error
	reply  []byte  // the first line
	found  bool    // replyValue: there is an entry, which may be empty
	answer reply   // and what is said of it
	value  *buffer // what was found, if it is not empty
	stats  map[string]string
}

// The states of a call.
const (
	waiting int32 = iota
	answered
	abandoned
)

var calls = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

func newCall(kind replyKind) *call {
	q := calls.Get().(*call)
	*q = call{kind: kind, done: q.done, line: q.line[:0], reply: q.reply[:0]}
	return q
}

// recycle gives an answered call back. An abandoned one is left to its reader.
func (q *call) recycle() {
	q.head, q.body, q.value, q.stats = nil, nil, nil, nil
	calls.Put(q)
}

// again makes a call that failed ready to be sent once more.
func (q *call) again() {
	q.state.Store(waiting)
	q.err, q.value, q.reply = nil, nil, q.reply[:0]
}

// finish hands the reply to the caller, if it still waits.
func (q *call) finish() {
	if q.state.CompareAndSwap(waiting, answered) {
		q.done <- struct{}{}
	} else if q.value != nil {
		q.value.free()
	}
}

// abandon reports whether the caller may stop waiting; otherwise the reply is
// there already.
func (q *call) abandon() bool { return q.state.CompareAndSwap(waiting, abandoned) }

// status returns the first word of the reply.
func (q *call) status() string {
	word, _, _ := bytes.Cut(q.reply, []byte(" "))
	return string(word)
}
