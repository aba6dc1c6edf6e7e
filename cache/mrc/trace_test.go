//go:build !js && !race

package mrc_test

import (
	"bufio"
	"bytes"
	"fmt"
	"iter"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"memcache/cache/sim"
)

type request struct {
	key  uint64
	size int64
}

// forEachTrace runs f with requests of each kind that the project can make, and
// with the real traces that may lie beside the repository; they are not part of it.
func forEachTrace(t *testing.T, f func(t *testing.T, name string, requests []request)) {
	t.Helper()
	n := 100_000
	if *long {
		n = 400_000
	}
	made := []struct {
		name     string
		requests iter.Seq2[uint64, int64]
	}{
		{"zipf", sim.Sized(sim.Zipf(1, n, n/10), sim.Page)},
		{"photographs", sim.Sized(sim.Zipf(2, n, n/10), sim.Photograph)},
		{"shifting", sim.Sized(sim.Shifting(3, n, n/20, 20), sim.Page)},
		{"scans", sim.Sized(sim.Scans(sim.Zipf(4, n*3/4, n/20), 10_000, 2_000), sim.Photograph)},
	}
	for _, m := range made {
		t.Run(m.name, func(t *testing.T) {
			if !*long && m.name != "photographs" {
				t.Skip("without -long, only photographs")
			}
			t.Parallel()
			var requests []request
			for key, size := range m.requests {
				requests = append(requests, request{key, size})
			}
			f(t, m.name, requests)
		})
	}
	files, err := filepath.Glob("../../../shared/traces/*.csv.zst")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv.zst")
		t.Run(name, func(t *testing.T) {
			if !*long && name != "cache2k_web12" {
				t.Skip("without -long, only cache2k_web12")
			}
			t.Parallel()
			f(t, name, readTrace(t, file))
		})
	}
}

func readTrace(t *testing.T, file string) (requests []request) {
	t.Helper()
	plain, err := exec.Command("zstd", "-dcq", file).Output()
	if err != nil {
		t.Fatalf("zstd -dc %s: %v: run ./build.sh test, which installs it", file, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(plain))
	lines.Scan() // the header
	for lines.Scan() {
		var r request
		var time string
		if _, err := fmt.Sscanf(strings.ReplaceAll(lines.Text(), ",", " "), "%s %d %d", &time, &r.key, &r.size); err != nil {
			t.Fatalf("%s: bad line %q", file, lines.Text())
		}
		requests = append(requests, r)
	}
	return requests
}

func workingSet(requests []request) (bytes int64) {
	seen := map[uint64]bool{}
	for _, r := range requests {
		if !seen[r.key] {
			seen[r.key] = true
			bytes += r.size
		}
	}
	return bytes
}
