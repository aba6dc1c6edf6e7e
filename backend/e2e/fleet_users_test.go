package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"memcache/shared/api"
)

// The kinds of requests. What is hot is in the cache and does not change.
const (
	readHot = "read of what is hot"
	read    = "read"
	write   = "write"
)

// request is what a user asked, and got. Times are those since the users began.
type request struct {
	kind    string
	key     string
	removes bool
	value   int // that is stored, or was read; 0 is no object

	begin, end time.Duration
	status     int
	hit        bool
	err        error // why there is no answer, or no good one
}

func (r request) String() string {
	return fmt.Sprintf("%s of %s at %v, %v long: %d %v", r.kind, r.key, r.begin.Round(time.Millisecond), (r.end - r.begin).Round(time.Millisecond), r.status, r.err)
}

// users ask the fleet for one thing after the other, and note what they get; they began
// when the stalls did.
type users struct {
	f *fleet
	stalls
	round  atomic.Int64 // each has keys of its own: what is unknown of a write can come out in its round alone
	values atomic.Int64 // stored so far

	mu   sync.Mutex
	done []request
}

const (
	hotKeys  = 24 // each cache node has some
	busyKeys = 4  // of a round
	// perKind is how many users there are of each kind.
	perKind = 2
	// pause is how long a user waits after an answer, at most, and notWell after one
	// that was none, or a change.
	pause   = 100 * time.Millisecond
	notWell = 2 * pause
)

func hotKey(n int) string { return fmt.Sprint("hot-", n) }

func (u *users) busyKey() string {
	return fmt.Sprintf("round-%d-key-%d", u.round.Load(), rand.IntN(busyKeys))
}

// run lets them ask until ctx ends; it returns when the last answer is there.
func (u *users) run(ctx context.Context) {
	var all sync.WaitGroup
	for kind, next := range map[string]func() request{
		readHot: func() request { return request{key: hotKey(rand.IntN(hotKeys))} },
		read:    func() request { return request{key: u.busyKey()} },
		write: func() request {
			if rand.IntN(6) == 0 {
				return request{key: u.busyKey(), removes: true}
			}
			return request{key: u.busyKey(), value: int(u.values.Add(1))}
		},
	} {
		for range perKind {
			all.Go(func() {
				for ctx.Err() == nil {
					r := next()
					r.kind = kind
					wait := rand.N(pause)
					if u.ask(r).err != nil || kind == write {
						wait = rand.N(notWell)
					}
					select {
					case <-time.After(wait):
					case <-ctx.Done():
					}
				}
			})
		}
	}
	all.Wait()
}

// ask sends a request, and notes what comes of it.
func (u *users) ask(r request) request {
	r.begin = time.Since(u.began)
	u.send(&r)
	r.end = time.Since(u.began)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done = append(u.done, r)
	return r
}

func (u *users) send(r *request) {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	switch {
	case r.removes:
		method = http.MethodDelete
	case r.kind == write:
		method, body = http.MethodPut, bytes.NewReader(contentOf(r.value))
	}
	question, err := http.NewRequest(method, u.f.url+api.ObjectsPath+"/"+r.key, body)
	if err != nil {
		r.err = err
		return
	}
	question.Header.Set("Authorization", "Bearer "+u.f.token)
	answer, err := send(u.f.client, question)
	if r.err = err; err != nil {
		return
	}
	r.status, r.hit = answer.StatusCode, strings.Contains(answer.Header.Get("Cache-Status"), "; hit")
	switch {
	case r.status/100 == 2 && method == http.MethodGet:
		r.value, r.err = valueOf(answer.body)
	case r.status/100 != 2 && (r.status != http.StatusNotFound || method == http.MethodPut):
		r.err = errors.New(strings.TrimSpace(string(answer.body)))
	}
}

// contentOf is what is stored for a value: a few bytes to some KB, the same over and
// over.
func contentOf(value int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%08d ", value), 1+value*value*37%1000)
}

func valueOf(content []byte) (int, error) {
	first, _, _ := bytes.Cut(content, []byte(" "))
	value, err := strconv.Atoi(string(first))
	if err != nil || !bytes.Equal(content, contentOf(value)) {
		return 0, fmt.Errorf("%d bytes that nobody has stored: %.40q", len(content), content)
	}
	return value, nil
}

// unknown is the outcome of a write without a good answer: it may have happened, or
// happen at any time since.
type unknown struct{}

// object is what a fleet promises of each key: each request happens at once, at some
// moment between its begin and its end. The state is the value, 0 for no object.
var object = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(state, in, out any) (bool, any) {
		r := in.(request)
		switch _, lost := out.(unknown); {
		case r.kind != write:
			return r.value == state, state
		case !r.removes:
			return true, r.value
		case lost:
			return true, 0
		}
		return (r.status == http.StatusNotFound) == (state == 0), 0
	},
	DescribeOperation: func(in, _ any) string { return in.(request).String() },
}

// check fails where what the users saw of a key has no order that a store without a
// cache could have given.
func (u *users) check(t *testing.T) {
	byKey, seen := map[string][]porcupine.Operation{}, map[int]bool{}
	for _, r := range u.done {
		if r.kind != write && r.err == nil {
			seen[r.value] = true
		}
	}
	for i, r := range u.done {
		op := porcupine.Operation{ClientId: i, Input: r, Call: int64(r.begin), Return: int64(r.end)}
		switch {
		case r.err != nil && r.kind != write:
			continue
		case r.err != nil && !r.removes && !seen[r.value]:
			continue // happened or not, it made no difference
		case r.err != nil:
			op.Output, op.Return = unknown{}, math.MaxInt64
		}
		byKey[r.key] = append(byKey[r.key], op)
	}
	for key, history := range byKey {
		result, info := porcupine.CheckOperationsVerbose(object, history, time.Minute)
		if result != porcupine.Ok {
			page := filepath.Join(os.TempDir(), "fleet-"+key+".html")
			t.Errorf("what %d requests saw of %s is not linearizable (%s): see %s (%v)", len(history), key, result, page, porcupine.VisualizePath(object, info, page))
		}
	}
	t.Logf("%d requests on %d keys", len(u.done), len(byKey))
}

// took is how long a request took, but for the time that the machine stood still.
func (u *users) took(r request) time.Duration { return r.end - r.begin - u.in(r.begin, r.end) }

// longest is how long the requests of a kind took at most.
func (u *users) longest(all []request, kind string) (most time.Duration) {
	for _, r := range all {
		if r.kind == kind {
			most = max(most, u.took(r))
		}
	}
	return most
}
