package storage_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
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

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

var (
	linearRuns = flag.Int("linear.runs", 10, "histories that TestLinearizable checks")
	linearSeed = flag.Uint64("linear.seed", 0, "seed of the first one; 0: by chance")
)

// The operations of a history are on few keys, so that they meet.
const linearKeys = 3

// input is an operation: "put", "open", "delete" or "rename".
type input struct {
	op      string
	key, to int
	value   int // put: what is stored; 0 stands for nothing
}

// output is its outcome: the value found, 0 for nothing. That of a change whose
// reply never came is unknown: it may have happened, and at any time since.
type output struct {
	value   int
	missing bool
	unknown bool
	source  string
}

// objects is the state: the value of each key.
type objects [linearKeys]int

// model is what the store promises: each operation happens at once, at some
// moment between its call and its return.
var model = porcupine.Model{
	Init: func() any { return objects{} },
	Step: func(state, in, out any) (bool, any) {
		now, op, got := state.(objects), in.(input), out.(output)
		there := now[op.key] != 0
		switch op.op {
		case "open":
			return now[op.key] == got.value, now
		case "put":
			now[op.key] = op.value
			return true, now
		case "delete":
			now[op.key] = 0
		case "rename":
			if there {
				now[op.to], now[op.key] = now[op.key], 0
			}
		}
		return got.unknown || got.missing == !there, now
	},
	DescribeOperation: func(in, out any) string {
		op, got := in.(input), out.(output)
		return fmt.Sprintf("%s %d→%d %d = %+v", op.op, op.key, op.to, op.value, got)
	},
}

// TestLinearizable has clients put, open, delete and rename through one backend
// or two, while the cache is killed, stopped, restarted, cleared and cut off, and
// a backend is killed; what they saw must have an order that a store without a
// cache could have given.
func TestLinearizable(t *testing.T) {
	cache := storagetest.BuildCache(t)
	seed := *linearSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	for i := range *linearRuns {
		name := fmt.Sprintf("%d/seed=%d", i, seed+uint64(i))
		t.Run(name, func(t *testing.T) {
			program := cache
			if other := storagetest.Memcached(); i%5 == 4 && other != "" {
				program = other
			}
			linearRun(t, program, 1+i%2, rand.New(rand.NewPCG(seed+uint64(i), 0)))
		})
	}
}

// linearRun makes one history and checks it.
func linearRun(t *testing.T, program string, backends int, random *rand.Rand) {
	w := &linearWorld{begin: time.Now(), cache: storagetest.StartCacheTCP(t, program)}
	c := backendConfig{Data: t.TempDir(), Timeout: 30 * time.Millisecond}
	if backends > 1 {
		c.DSN = mariadbtest.Start(t)
	}
	for range backends {
		link := storagetest.StartLink(t, w.cache.Address)
		c.Cache = link.Address
		w.links = append(w.links, link)
		w.backends = append(w.backends, startBackend(t, c))
	}
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 6 {
		mine := rand.New(rand.NewPCG(random.Uint64(), 0))
		clients.Go(func() { w.client(ctx, t, i, i < 2, mine) })
	}
	for range 12 {
		w.trouble(t, random)
	}
	stop()
	clients.Wait()
	w.check(t)
}

// linearWorld is what a history happens in.
type linearWorld struct {
	begin    time.Time
	cache    *storagetest.Process
	links    []*storagetest.Link // of each backend to the cache
	backends []*backend
	values   atomic.Int64 // put so far
	kills    int          // of backends so far

	mu      sync.Mutex
	history []porcupine.Operation
	failed  []string // operations that a backend answered with an error
}

// trouble has something happen, and end.
func (w *linearWorld) trouble(t *testing.T, random *rand.Rand) {
	lasts := func() { time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond) }
	lasts()
	link := w.links[random.IntN(len(w.links))]
	b := w.backends[random.IntN(len(w.backends))]
	kinds := 7
	if w.kills == 3 {
		kinds-- // what is unknown may have happened at any time since, which makes the check long
	}
	switch random.IntN(kinds) {
	case 0:
		w.cache.Kill(t)
		lasts()
		w.cache.Start(t)
	case 1:
		w.cache.Kill(t)
		w.cache.Start(t)
	case 2:
		w.cache.Pause(t)
		lasts()
		w.cache.Resume(t)
	case 3:
		link.Cut()
		lasts()
		link.Mend(t)
	case 4:
		stream := []string{"upstream", "downstream"}[random.IntN(2)] // commands that come late, or replies
		link.Toxic(t, `{"name": "hang", "type": "latency", "stream": "`+stream+`", "attributes": {"latency": 3600000}}`)
		lasts()
		link.Heal(t)
	case 5: // which would end a writer's hold; whether the cache answers again by now is not known
		_, _ = b.do(http.MethodPost, []string{"op=clear", "op=drop&key=k0"}[random.IntN(2)], nil)
	case 6:
		w.kills++
		b.kill()
		b.start(t)
	}
}

// client does one operation after the other, at any of the backends: it changes
// objects, or opens them, with pauses in which the cache has its time.
func (w *linearWorld) client(ctx context.Context, t *testing.T, id int, changes bool, random *rand.Rand) {
	for ctx.Err() == nil {
		op := input{op: "open", key: random.IntN(linearKeys)}
		pause := 3 * time.Millisecond
		if changes {
			pause = 30 * time.Millisecond
			switch random.IntN(5) {
			case 0:
				op.op = "delete"
			case 1:
				op.op = "rename"
				op.to = (op.key + 1 + random.IntN(linearKeys-1)) % linearKeys
			default:
				op.op, op.value = "put", int(w.values.Add(1))
			}
		}
		time.Sleep(time.Duration(random.Int64N(int64(pause))))
		b := w.backends[random.IntN(len(w.backends))]
		call := time.Since(w.begin).Nanoseconds()
		out, ok := w.do(t, b, op)
		if !ok {
			continue
		}
		ended := time.Since(w.begin).Nanoseconds()
		if out.unknown {
			ended = math.MaxInt64
		}
		w.mu.Lock()
		w.history = append(w.history, porcupine.Operation{ClientId: id, Input: op, Call: call, Output: out, Return: ended})
		w.mu.Unlock()
	}
}

// do does op; it reports false when that had no effect.
func (w *linearWorld) do(t *testing.T, b *backend, op input) (output, bool) {
	method, query := http.MethodPost, fmt.Sprintf("op=%s&key=k%d&to=k%d", op.op, op.key, op.to)
	if op.op == "open" {
		method = http.MethodGet
	}
	r, err := b.do(method, query, content(op.value))
	switch {
	case err != nil && (op.op == "open" || notSent(err)):
		time.Sleep(time.Millisecond) // the backend is down
		return output{}, false
	case err != nil:
		return output{unknown: true}, true
	case r.status == http.StatusNotFound:
		return output{missing: true}, true
	case r.status != http.StatusOK:
		w.mu.Lock()
		w.failed = append(w.failed, fmt.Sprintf("%+v: %s", op, r.content))
		w.mu.Unlock()
		return output{unknown: true}, op.op != "open"
	case op.op == "open":
		return output{value: valueOf(t, r.content), source: r.source}, true
	}
	return output{}, true
}

// content is what is stored for a value: from a few bytes to some KB,
// the same over and over.
func content(value int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%08d ", value), 1+value*value*37%2000)
}

// valueOf returns the value whose content is b.
func valueOf(t *testing.T, b []byte) int {
	first, _, _ := bytes.Cut(b, []byte(" "))
	value, err := strconv.Atoi(string(first))
	if err != nil || !bytes.Equal(b, content(value)) {
		t.Errorf("read %d bytes that nobody has put: %.40q", len(b), b)
	}
	return value
}

// hits counts the reads that the cache served.
func (w *linearWorld) hits() (n int) {
	for _, op := range w.history {
		if strings.HasPrefix(op.Output.(output).source, storage.Hit.String()) {
			n++
		}
	}
	return n
}

// check fails when the history has no order that the model allows.
func (w *linearWorld) check(t *testing.T) {
	if len(w.failed) > 0 && w.kills == 0 {
		t.Errorf("%d operations failed, though no backend was killed, as %s", len(w.failed), w.failed[0])
	}
	result, info := porcupine.CheckOperationsVerbose(model, w.history, time.Minute)
	t.Logf("%d operations at %d backends, %d of them reads from the cache: %s", len(w.history), len(w.backends), w.hits(), result)
	if result == porcupine.Ok {
		return
	}
	page := filepath.Join(os.TempDir(), "linearizable-"+filepath.Base(t.Name())+".html")
	t.Errorf("the history is not linearizable (%s): see %s (%v)", result, page, porcupine.VisualizePath(model, info, page))
}
