//go:build !js && !race

package sim_test

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"memcache/cache/policy"
	"memcache/cache/sim"
)

// There is nothing to race here, and the race detector would take minutes.

// Real traces, and what independent simulators measured on them, may lie beside
// the repository; they are not part of it.
const traceDir = "../../../shared/traces"

// LRU, FIFO and SIEVE leave nothing to choose: they must equal the reference to
// its four digits on every trace and capacity.
func TestExactPoliciesEqualTheReference(t *testing.T) {
	forEachTrace(t, func(t *testing.T, name string, requests iter.Seq2[uint64, int64]) {
		for _, m := range readMeasured(t, name+".csv", name) {
			if m.policy != "lru" && m.policy != "fifo" && m.policy != "sieve" {
				continue
			}
			r := replay(t, replayKey{m.policy, name, m.capacity}, requests)
			got := fmt.Sprintf("%.4f %.4f", r.ObjectMissRatio(), r.ByteMissRatio())
			if want := fmt.Sprintf("%.4f %.4f", m.objects, m.bytes); got != want {
				t.Errorf("%s, capacity %d: object and byte miss ratio are %s, want %s", m.policy, m.capacity, got, want)
			}
		}
	})
}

// The others have freedom, which they may use to miss less than an independent
// prototype did, or at most 0.01 more, on every trace and capacity.
func TestOtherPoliciesMissHardlyMoreThanThePrototypes(t *testing.T) {
	const slack = 0.01
	prototypes := map[string]string{"s3fifo": "s3fifo", "lfuda": "lfuda", "gdsf-s64": "gdsf", "wtlfu-av10": "wtinylfu"}
	forEachTrace(t, func(t *testing.T, name string, requests iter.Seq2[uint64, int64]) {
		for _, m := range readMeasured(t, "prototype_policies.csv", name) {
			own, ok := prototypes[m.policy]
			if !ok {
				continue
			}
			r := replay(t, replayKey{own, name, m.capacity}, requests)
			if objects, bytes := r.ObjectMissRatio(), r.ByteMissRatio(); objects > m.objects+slack || bytes > m.bytes+slack {
				t.Errorf("%s, capacity %d: object and byte miss ratio are %.4f and %.4f; the prototype's %.4f and %.4f",
					own, m.capacity, objects, bytes, m.objects, m.bytes)
			}
		}
	})
}

// replays remembers results, because several tests ask for the same.
var replays sync.Map // replayKey → func() sim.Result

type replayKey struct {
	policy, trace string
	capacity      int64
}

func replay(t *testing.T, key replayKey, requests iter.Seq2[uint64, int64]) sim.Result {
	t.Helper()
	p, err := policy.New(key.policy, 42)
	if err != nil {
		t.Fatal(err)
	}
	once, _ := replays.LoadOrStore(key, sync.OnceValue(func() sim.Result { return sim.Replay(p, key.capacity, requests) }))
	return once.(func() sim.Result)()
}

// forEachTrace runs f with every trace, in parallel, or skips the test.
func forEachTrace(t *testing.T, f func(t *testing.T, name string, requests iter.Seq2[uint64, int64])) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(traceDir, "*.csv.zst"))
	if err != nil || len(files) == 0 {
		t.Skip("no traces in ../shared/traces")
	}
	if _, err := exec.LookPath("zstd"); err != nil {
		t.Fatal("the traces in ../shared/traces need the zstd command: run ./build.sh test, which installs it")
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv.zst")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, name, readTrace(t, file))
		})
	}
}

func readTrace(t *testing.T, file string) iter.Seq2[uint64, int64] {
	t.Helper()
	plain, err := exec.Command("zstd", "-dcq", file).Output()
	if err != nil {
		t.Fatalf("zstd -dc %s: %v", file, err)
	}
	var keys []uint64
	var sizes []int64
	lines := bufio.NewScanner(bytes.NewReader(plain))
	lines.Scan() // the header
	for lines.Scan() {
		f := strings.Split(lines.Text(), ",")
		key, err1 := strconv.ParseUint(f[1], 10, 64)
		size, err2 := strconv.ParseInt(f[2], 10, 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: bad line %q", file, lines.Text())
		}
		keys, sizes = append(keys, key), append(sizes, size)
	}
	return func(yield func(uint64, int64) bool) {
		for i, key := range keys {
			if !yield(key, sizes[i]) {
				return
			}
		}
	}
}

// measured is what another program measured on a trace.
type measured struct {
	policy         string
	part           float64 // of the working set
	capacity       int64
	objects, bytes float64 // miss ratios
}

func readMeasured(t *testing.T, file, trace string) (all []measured) {
	t.Helper()
	f, err := os.Open(filepath.Join(traceDir, "reference", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if row[0] != trace {
			continue
		}
		m := measured{policy: row[1]}
		var errs [4]error
		m.part, errs[0] = strconv.ParseFloat(row[2], 64)
		m.capacity, errs[1] = strconv.ParseInt(row[3], 10, 64)
		m.objects, errs[2] = strconv.ParseFloat(row[4], 64)
		m.bytes, errs[3] = strconv.ParseFloat(row[5], 64)
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		t.Fatalf("%s has nothing about %s", file, trace)
	}
	return all
}
