//go:build !js && !race

package sim_test

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"memcache/cache/policy"
	"memcache/cache/sim"
)

// There is nothing to race here, and the race detector would take a minute.

// Real traces, and what an independent simulator measured on them, may lie
// beside the repository; they are not part of it.
const traceDir = "../../../shared/traces"

// LRU must equal the reference to its four digits on every trace and capacity.
func TestLRUEqualsTheReferenceOnRealTraces(t *testing.T) {
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
			requests := readTrace(t, file)
			for _, ref := range readReference(t, name) {
				p, err := policy.New("lru", 1)
				if err != nil {
					t.Fatal(err)
				}
				r := sim.Replay(p, ref.capacity, requests)
				got := fmt.Sprintf("%.4f %.4f", r.ObjectMissRatio(), r.ByteMissRatio())
				if got != ref.ratios {
					t.Errorf("capacity %d: object and byte miss ratio are %s, want %s", ref.capacity, got, ref.ratios)
				}
			}
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

type reference struct {
	capacity int64
	ratios   string // object and byte miss ratio as the file writes them
}

func readReference(t *testing.T, trace string) (refs []reference) {
	t.Helper()
	f, err := os.Open(filepath.Join(traceDir, "reference", trace+".csv"))
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
	for _, row := range rows {
		if row[1] != "lru" {
			continue
		}
		capacity, err := strconv.ParseInt(row[3], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, reference{capacity, row[4] + " " + row[5]})
	}
	if len(refs) == 0 {
		t.Fatalf("no reference for lru on %s", trace)
	}
	return refs
}
