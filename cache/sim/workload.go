package sim

import (
	"errors"
	"iter"
	"strconv"
	"strings"
)

// Workload describes requests that are generated. Its text form names all that they
// depend on, so that it makes the same requests everywhere:
//
//	zipf,requests=1000000,keys=100000,exponent=0.9,size=1024-1048576,seed=1
type Workload struct {
	Kind     string // a name of [Workloads]
	Requests int
	Keys     int
	Exponent float64 // of Zipf's law: key k, from 0, is asked for in proportion to 1/(k+1)^Exponent
	Period   int     // requests: between two scans, or between two shifts of popularity
	Length   int     // of a scan, in keys
	Size     string  // bytes of each object, a range of them as 1024-4096, or photographs
	Seed     uint64
}

// Bounds of a workload.
const (
	MaxKeys     = 10_000_000
	MaxExponent = 4
	maxSize     = 1 << 40 // bytes
)

// MaxRequests is the most requests of a trace.
const MaxRequests = 50_000_000

// Photographs is the Size of what [Photograph] makes.
const Photographs = "photographs"

// Workloads are those of every kind, with the values that a text may leave out.
func Workloads() []Workload {
	const requests, keys = 200_000, 20_000
	return []Workload{
		{Kind: "zipf", Requests: requests, Keys: keys, Exponent: 1, Size: "4096", Seed: 1},
		{Kind: "shifting", Requests: requests, Keys: keys, Exponent: 1, Period: 20, Size: "4096", Seed: 1},
		{Kind: "scan", Requests: requests, Keys: keys, Exponent: 1, Period: 20_000, Length: 10_000, Size: "4096", Seed: 1},
		{Kind: "loop", Requests: requests, Keys: keys, Size: "4096", Seed: 1},
		{Kind: "photographs", Requests: requests, Keys: keys, Exponent: 1, Size: Photographs, Seed: 1},
	}
}

// ParseWorkload reads the text form. The error says what is possible.
func ParseWorkload(text string) (Workload, error) {
	parts := strings.Split(text, ",")
	w, ok := workloadOf(strings.TrimSpace(parts[0]))
	if !ok {
		return w, errors.New(strconv.Quote(parts[0]) + " is no kind of requests: choose one of zipf, shifting, scan, loop and photographs")
	}
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if err := w.set(name, strings.TrimSpace(value)); err != nil {
			return w, err
		}
	}
	return w, nil
}

func workloadOf(kind string) (Workload, bool) {
	for _, w := range Workloads() {
		if w.Kind == kind {
			return w, true
		}
	}
	return Workload{}, false
}

func (w *Workload) set(name, value string) (err error) {
	whole := func(most int) (n int) {
		if n, err = strconv.Atoi(value); err != nil || n < 1 || n > most {
			err = errors.New(name + "=" + value + " is not possible: give a whole number from 1 to " + strconv.Itoa(most))
		}
		return n
	}
	switch {
	case name == "requests":
		w.Requests = whole(MaxRequests)
	case name == "keys":
		w.Keys = whole(MaxKeys)
	case name == "period" && w.Period > 0:
		w.Period = whole(MaxRequests)
	case name == "length" && w.Length > 0:
		w.Length = whole(MaxKeys)
	case name == "exponent" && w.Kind != "loop":
		w.Exponent, err = strconv.ParseFloat(value, 64)
		if err != nil || !(w.Exponent >= 0 && w.Exponent <= MaxExponent) {
			err = errors.New("exponent=" + value + " is not possible: give a number from 0 to " + strconv.Itoa(MaxExponent))
		}
	case name == "size":
		w.Size = value
		_, err = sizes(value)
	case name == "seed":
		if w.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
			err = errors.New("seed=" + value + " is not possible: give a whole number from 0 on")
		}
	default:
		err = errors.New(strconv.Quote(name) + " is nothing that requests of the kind " + w.Kind + " depend on: " + w.String() + " has all that is")
	}
	return err
}

// String is the text form, with all values.
func (w Workload) String() string {
	b := w.Kind
	add := func(name, value string) { b += "," + name + "=" + value }
	add("requests", strconv.Itoa(w.Requests))
	add("keys", strconv.Itoa(w.Keys))
	if w.Kind != "loop" {
		add("exponent", strconv.FormatFloat(w.Exponent, 'f', -1, 64))
	}
	if w.Period > 0 {
		add("period", strconv.Itoa(w.Period))
	}
	if w.Length > 0 {
		add("length", strconv.Itoa(w.Length))
	}
	add("size", w.Size)
	add("seed", strconv.FormatUint(w.Seed, 10))
	return b
}

// Generate makes the requests. They have no times.
func (w Workload) Generate() ([]Request, error) {
	size, err := sizes(w.Size)
	if err != nil {
		return nil, err
	}
	requests := make([]Request, 0, w.Requests)
	for key := range w.keys() {
		if requests = append(requests, Request{Key: key, Size: size(key)}); len(requests) == w.Requests {
			break
		}
	}
	return requests, nil
}

func (w Workload) keys() iter.Seq[uint64] {
	switch w.Kind {
	case "loop":
		return Loop(w.Requests, w.Keys)
	case "shifting":
		return shifting(newZipf(w.Seed, w.Keys, w.Exponent), w.Requests, w.Period)
	case "scan":
		return Scans(draws(newZipf(w.Seed, w.Keys, w.Exponent), w.Requests), w.Period, w.Length)
	}
	return draws(newZipf(w.Seed, w.Keys, w.Exponent), w.Requests)
}

// sizes reads the text of sizes: a number of bytes, a range, or photographs.
func sizes(text string) (func(key uint64) int64, error) {
	if text == Photographs {
		return Photograph, nil
	}
	from, to, ranged := strings.Cut(text, "-")
	least, err := strconv.ParseInt(from, 10, 64)
	most, err2 := least, error(nil)
	if ranged {
		most, err2 = strconv.ParseInt(to, 10, 64)
	}
	if err != nil || err2 != nil || least < 1 || most < least || most > maxSize {
		return nil, errors.New("size=" + text + " is not possible: give a number of bytes, a range of them as 1024-4096, or " + Photographs)
	}
	if least == most {
		return func(uint64) int64 { return least }, nil
	}
	return between(least, most), nil
}
