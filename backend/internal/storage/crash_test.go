package storage_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"memcache/backend/internal/disk/disktest"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
	"memcache/shared/api"
)

var crashKills = flag.Int("crash.kills", 50, "times that TestFault47_48_49_KilledAtAnyInstant kills the writer")

// The steps of a Put that are not the disk's.
const (
	stepHold   = "hold in the cache"
	stepRow    = "row"
	stepForget = "delete from the cache"
	stepReply  = "reply"
)

// crashSteps are the steps of a Put of new bytes, in their order, each with the
// how manieth of its kind it is. It is killed before each of them, which is after
// the one above.
var crashSteps = []struct {
	name string
	nth  int
}{
	{disktest.Create, 1},
	{disktest.Write, 1},
	{disktest.Sync, 1},
	{disktest.Close, 1},
	{disktest.Mkdir, 1},
	{disktest.SyncDir, 1}, // of the folder of the new folder
	{disktest.Rename, 1},
	{disktest.SyncDir, 2}, // of the new folder
	{stepHold, 1},
	{stepRow, 1},
	{stepForget, 1},
	{stepReply, 1},
}

const writerVariable = "STORAGE_TEST_WRITER"

// writerConfig is what a writer process gets.
type writerConfig struct {
	backendConfig
	Step      string // before which it kills itself; "": it writes until it is killed
	Nth       int
	Overwrite bool
	First     int // the first value it writes
}

// TestFault47_48_49_KilledAtEveryStep kills the writer between the steps of a
// Put, of a new key and of one that is there and in the cache.
func TestFault47_48_49_KilledAtEveryStep(t *testing.T) {
	cache := storagetest.BuildCache(t)
	for _, overwrite := range []bool{false, true} {
		committed := false
		for _, step := range crashSteps {
			want := map[string]int{"before": 1}
			switch {
			case committed:
				want["k"] = 3
			case overwrite:
				want["k"] = 2
			}
			committed = committed || step.name == stepRow
			name := strings.ReplaceAll(fmt.Sprintf("overwrite=%v/before %s %d", overwrite, step.name, step.nth), " ", "_")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := writerConfig{
					backendConfig: backendConfig{Data: t.TempDir(), Cache: storagetest.StartCache(t, cache).Address, Timeout: patient},
					Step:          step.name, Nth: step.nth, Overwrite: overwrite,
				}
				cmd := again(t, writerVariable, c)
				if err := cmd.Run(); !killed(err) {
					t.Fatalf("the writer ended with %v, want that it was killed at its step", err)
				}
				c.wantStored(t, want)
			})
		}
	}
}

// killed tells that a process ended by SIGKILL.
func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// wantStored opens what a killed writer left, and checks that it holds these
// values and nothing else, and can be written.
func (c backendConfig) wantStored(t *testing.T, want map[string]int) {
	t.Helper()
	s, shut := c.reopen(t)
	defer shut()
	for range 3 { // from the blob, and from the cache
		if got := stored(t, s); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("after the crash there are the values %v, want %v", got, want)
		}
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := files(t, c.Data); got != len(want) {
		t.Errorf("after a sweep, %d files hold %d objects", got, len(want))
	}
	put(t, s, "k", string(content(9)))
	want["k"] = 9
	if got := stored(t, s); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("written again, the values are %v, want %v", got, want)
	}
}

// reopen opens a data folder as the next process does.
func (c backendConfig) reopen(t *testing.T) (s *storage.Store, shut func()) {
	t.Helper()
	cfg, err := c.parts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.Distrust {
		t.Error("the folder does not count as left by a killed process")
	}
	if s, err = storage.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := s.RefreshGeneration(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, func() {
		err := s.Close(context.Background())
		for _, part := range []any{cfg.Cache, cfg.Index, cfg.Blobs} {
			err = errors.Join(err, part.(io.Closer).Close())
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// stored reads every object that is listed, and returns their values.
func stored(t *testing.T, s *storage.Store) map[string]int {
	t.Helper()
	list, err := s.List(t.Context(), api.ListQuery{Sort: api.SortKey})
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]int)
	for _, o := range list.Objects {
		got, _ := read(t, s, o.Key)
		values[o.Key] = valueOf(t, []byte(got))
	}
	return values
}

// files counts the files in the folders of blobs and temporaries.
func files(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, name := range []string{"blobs", "tmp"} {
		err := filepath.WalkDir(filepath.Join(dir, name), func(_ string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				n++
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// writerMain is a process that writes objects until it is killed, by itself or
// by others.
func writerMain(arg string) error {
	var c writerConfig
	if err := json.Unmarshal([]byte(arg), &c); err != nil {
		return err
	}
	killer := &killer{config: c}
	c.disk = disktest.Around(killer.step)
	cfg, err := c.parts(context.Background())
	if err != nil {
		return err
	}
	cfg.Index, cfg.Cache = killerIndex{cfg.Index, killer}, killerCache{cfg.Cache, killer}
	s, err := storage.New(cfg)
	if err != nil {
		return err
	}
	if err := s.RefreshGeneration(context.Background()); err != nil {
		return err
	}
	if c.Step == "" {
		return writeOn(s, c.First)
	}
	write := func(key string, value int) error {
		_, err := s.Put(context.Background(), key, strings.NewReader(string(content(value))), storage.Cond{})
		return err
	}
	if err := write("before", 1); err != nil {
		return err
	}
	if c.Overwrite {
		if err := write("k", 2); err != nil {
			return err
		}
		for range 2 { // fills the cache
			if o, err := s.Open(context.Background(), "k"); err != nil || o.Close() != nil {
				return err
			}
		}
	}
	killer.armed = true
	if err := write("k", 3); err != nil {
		return err
	}
	return killer.step(stepReply, func() error { return errors.New("it lived on") })
}

// killer ends this process at a step.
type killer struct {
	config writerConfig
	armed  bool
	mu     sync.Mutex
	seen   int // steps of this name
}

func (k *killer) step(name string, do func() error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.armed || name != k.config.Step {
		return do()
	}
	k.seen++
	if k.seen == k.config.Nth {
		die()
	}
	return do()
}

// die kills this process and does not return.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

type killerIndex struct {
	storage.Index
	k *killer
}

func (x killerIndex) Fenced(generation int64) storage.Index {
	return killerIndex{x.Index.Fenced(generation), x.k}
}

func (x killerIndex) Put(ctx context.Context, o storage.Object) (stored storage.Object, err error) {
	err = x.k.step(stepRow, func() error {
		stored, err = x.Index.Put(ctx, o)
		return err
	})
	return stored, err
}

type killerCache struct {
	storage.Cache
	k *killer
}

func (c killerCache) Node(address string) storage.CacheNode {
	return killerNode{c.Cache.Node(address), c.k}
}

type killerNode struct {
	storage.CacheNode
	k *killer
}

func (c killerNode) Hold(ctx context.Context, key string) error {
	return c.k.step(stepHold, func() error { return c.CacheNode.Hold(ctx, key) })
}

func (c killerNode) Delete(ctx context.Context, key string) error {
	return c.k.step(stepForget, func() error { return c.CacheNode.Delete(ctx, key) })
}

// The writers of one process, each with two keys of its own.
const writers = 4

// event is what a writer says before it does something, and after.
type event struct {
	Writer int
	Op     string // "put", "delete" or "rename"
	Key    int    // 0 or 1; a rename is to the other one
	Value  int
	Done   bool
}

func writerKey(writer, key int) string { return fmt.Sprintf("writer %d/%d", writer, key) }

// writeOn has the writers change their objects for ever, and tell of it on the
// standard output.
func writeOn(s *storage.Store, value int) error {
	failed := make(chan error)
	for writer := range writers {
		go func() {
			for n := value + writer; ; n += writers {
				e := event{Writer: writer, Op: []string{"put", "put", "delete", "rename"}[rand.IntN(4)], Key: rand.IntN(2), Value: n}
				if err := e.tell(); err != nil {
					failed <- err
				}
				if err := e.do(s); err != nil && api.AsError(err).Code != api.NotFound {
					failed <- fmt.Errorf("%+v: %w", e, err)
				}
				e.Done = true
				if err := e.tell(); err != nil {
					failed <- err
				}
				if c, err := s.Open(context.Background(), writerKey(writer, e.Key)); err == nil { // fills the cache
					c.Close()
				}
			}
		}()
	}
	return <-failed
}

func (e event) tell() error {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	return err
}

func (e event) do(s *storage.Store) (err error) {
	ctx, key := context.Background(), writerKey(e.Writer, e.Key)
	switch e.Op {
	case "put":
		_, err = s.Put(ctx, key, strings.NewReader(string(content(e.Value))), storage.Cond{})
	case "delete":
		err = s.Delete(ctx, key, storage.Cond{})
	case "rename":
		_, err = s.Rename(ctx, key, writerKey(e.Writer, 1-e.Key), storage.Cond{})
	}
	return err
}

// pair is what a writer's two keys hold.
type pair [2]int

// after returns the pair once e was done.
func (p pair) after(e event) pair {
	switch {
	case e.Op == "put":
		p[e.Key] = e.Value
	case e.Op == "delete":
		p[e.Key] = 0
	case p[e.Key] != 0:
		p[1-e.Key], p[e.Key] = p[e.Key], 0
	}
	return p
}

// TestFault47_48_49_KilledAtAnyInstant kills a process of several writers again
// and again, on the same folder. What they were told is done is there, what they
// were not is done or not, and never half.
func TestFault47_48_49_KilledAtAnyInstant(t *testing.T) {
	cache := storagetest.StartCache(t, storagetest.BuildCache(t))
	c := writerConfig{backendConfig: backendConfig{Data: t.TempDir(), Cache: cache.Address, Timeout: patient}, First: 1}
	var known [writers]pair
	acknowledged, inDoubt := 0, 0
	for range *crashKills {
		done, begun := c.writeAndKill(t)
		for _, e := range done {
			known[e.Writer] = known[e.Writer].after(e)
			c.First = max(c.First, e.Value+writers)
		}
		acknowledged += len(done)
		inDoubt += len(begun)
		s, shut := c.reopen(t)
		found := stored(t, s)
		for writer := range writers {
			got := pair{found[writerKey(writer, 0)], found[writerKey(writer, 1)]}
			may := []pair{known[writer]}
			if e, ok := begun[writer]; ok {
				may = append(may, may[0].after(e))
				c.First = max(c.First, e.Value+writers)
			}
			if !slices.Contains(may, got) {
				t.Errorf("writer %d has %v, want one of %v", writer, got, may)
			}
			known[writer] = got
		}
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := files(t, c.Data); got != len(found) {
			t.Errorf("after a sweep, %d files hold %d objects", got, len(found))
		}
		shut()
		c.leaveUnclean(t)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d changes acknowledged, %d in doubt", *crashKills, acknowledged, inDoubt)
}

// leaveUnclean makes the folder look as if its last process had been killed.
func (c backendConfig) leaveUnclean(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.Data, "lock"), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeAndKill runs the writers for a moment. It returns what they did, and by
// writer what they had begun.
func (c writerConfig) writeAndKill(t *testing.T) (done []event, begun map[int]event) {
	t.Helper()
	cmd := again(t, writerVariable, c)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	begun = make(map[int]event)
	var kill *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if kill == nil { // it has begun
			kill = time.AfterFunc(rand.N(50*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Errorf("the writer said %q: %v", lines.Bytes(), err)
		}
		if e.Done {
			done = append(done, e)
			delete(begun, e.Writer)
		} else {
			begun[e.Writer] = e
		}
	}
	if err := cmd.Wait(); !killed(err) {
		t.Fatalf("the writers ended with %v", err)
	}
	return done, begun
}
