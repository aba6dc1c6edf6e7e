package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"memcache/cache/sim"
)

func simulated(t *testing.T, stdin string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if err := run(t.Context(), append([]string{"sim"}, args...), os.Getenv, strings.NewReader(stdin), &out, &errs); err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String()
}

// The command prints the rows of sim.Cell, whatever the file is compressed with.
func TestSimPrintsTheTableOfATrace(t *testing.T) {
	var csv bytes.Buffer
	var requests []sim.Request
	fmt.Fprintln(&csv, "time,key,size")
	for key, size := range sim.Sized(sim.Zipf(1, 5_000, 500), sim.Photograph) {
		requests = append(requests, sim.Request{Key: key, Size: size})
		fmt.Fprintf(&csv, "0,%d,%d\n", key, size)
	}
	_, set := sim.WorkingSet(requests)
	want := sim.Header + "\n"
	for _, cell := range sim.Cells([]string{"random", "wtinylfu"}, []int64{1 << 20, (set + 5) / 10}, 9) {
		r, err := cell.Run(requests, nil)
		if err != nil {
			t.Fatal(err)
		}
		want += cell.Row(r) + "\n"
	}
	for name, packed := range map[string][]byte{
		"plain": csv.Bytes(), "trace.csv.gz": gzipped(t, csv.Bytes()), "trace.csv.zst": zstded(t, csv.Bytes()),
	} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, packed, 0o600); err != nil {
			t.Fatal(err)
		}
		flags := []string{"-policies", "random, wtinylfu", "-capacities", "10%,1m", "-seed", "9"}
		if got, _ := simulated(t, "", append(flags, "-trace", file)...); got != want {
			t.Errorf("%s: printed\n%s\nwant\n%s", name, got, want)
		}
		if got, _ := simulated(t, string(packed), append(flags, "-trace", "-")...); got != want {
			t.Errorf("%s from the standard input: printed\n%s", name, got)
		}
	}
}

// The command makes requests in place of a trace by the text that the lab takes, too.
func TestSimMakesRequests(t *testing.T) {
	const workload = "photographs,requests=5000,keys=500,seed=4"
	w, err := sim.ParseWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	requests, err := w.Generate()
	if err != nil {
		t.Fatal(err)
	}
	want := sim.Header + "\n"
	_, set := sim.WorkingSet(requests)
	capacities, err := sim.ParseCapacities("1%..100%/5", set)
	if err != nil {
		t.Fatal(err)
	}
	for _, cell := range sim.Cells([]string{"gdsf"}, capacities, 1) {
		r, err := cell.Run(requests, nil)
		if err != nil {
			t.Fatal(err)
		}
		want += cell.Row(r) + "\n"
	}
	if got, _ := simulated(t, "", "-generate", workload, "-policies", "gdsf", "-capacities", "1%..100%/5"); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func TestSimTellsTheHashOfTheTrace(t *testing.T) {
	const text = "time,key,size\n0,1,10\n"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	for _, stdin := range []string{text, string(gzipped(t, []byte(text))), string(zstded(t, []byte(text)))} {
		if _, told := simulated(t, stdin, "-trace", "-", "-policies", "lru", "-capacities", "1k"); !strings.Contains(told, sum) {
			t.Errorf("told %q, want %s in it", told, sum)
		}
	}
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

func TestSimTellsOfBadLines(t *testing.T) {
	table, told := simulated(t, "time,key,size\n0,1,10\n0,1,ten\n0,1,10\n", "-trace", "-", "-policies", "lru", "-capacities", "1k")
	if !strings.Contains(told, `line 3 is left out: the size "ten"`) {
		t.Errorf("told %q", told)
	}
	if want := sim.Header + "\nlru,1024,2,1,20,10,0,0.500000,0.500000\n"; table != want {
		t.Errorf("printed\n%s\nwant\n%s", table, want)
	}
}

func TestSimRefusesWithTheReason(t *testing.T) {
	for _, c := range []struct{ stdin, args, want string }{
		{"0,1,10\n", "", "give a trace with -trace"},
		{"0,1,10\n", "-trace - -policies best", "unknown policy"},
		{"0,1,10\n", "-trace - -capacities 0", `"0" is no capacity`},
		{"0,1,10\n", "-trace - -capacities 1q", `"1q" is no capacity`},
		{"0,1,10\n", "-trace - -capacities -5%", `"-5%" is no capacity`},
		{"0,1,10\n", "-trace - more", "unexpected argument"},
		{"0,1,10\n", "-trace - -generate loop", "either -trace or -generate"},
		{"", "-generate best", "-generate: \"best\" is no kind"},
		{"", "-trace -", "no requests"},
		{"\x1f\x8bnothing", "-trace -", "gzip"},
		{"\x28\xb5\x2f\xfdnothing", "-trace -", "-trace -:"},
		{"0,1,10\n", "-trace /does/not/exist", "no such file"},
	} {
		var out, errs bytes.Buffer
		err := run(t.Context(), append([]string{"sim"}, strings.Fields(c.args)...), os.Getenv, strings.NewReader(c.stdin), &out, &errs)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("sim %s: error %v, want one with %q", c.args, err, c.want)
		}
	}
}
