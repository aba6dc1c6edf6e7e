package server

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"memcache/cache/internal/store"
)

// The same requests, made by chance of most commands, get the same answers from
// us and from memcached. Left out is what the dialogues called "ours" are about.
func TestRandomRequestsAreAnsweredAsByMemcached(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			ours := start(t, Config{}, store.Config{ItemLimit: mb}).dial(t)
			theirs := startMemcached(t).dial(t)
			a, b := bufio.NewReader(ours), bufio.NewReader(theirs)
			random := requests{rand.New(rand.NewPCG(seed, 0))}
			history := map[string][]string{}
			for range 2000 {
				key := random.key()
				request := random.request(key)
				history[key] = append(history[key], shorten(request))
				got, want := exchange(t, ours, a, request), exchange(t, theirs, b, request)
				if got != want {
					h := history[key]
					t.Fatalf("%s\nis answered with %q, by memcached with %q", strings.Join(h[max(0, len(h)-10):], ""), got, want)
				}
			}
		})
	}
}

// exchange sends a request, and returns all answers, without seconds, and of
// errors the beginning: ours say more, behind a colon.
func exchange(t *testing.T, nc net.Conn, r *bufio.Reader, request string) string {
	t.Helper()
	if _, err := io.WriteString(nc, request+"mn\r\n"); err != nil {
		t.Fatal(err)
	}
	var answers strings.Builder
	for {
		line := readLine(t, r)
		if line == "MN" {
			return answers.String()
		}
		if strings.HasPrefix(line, "CLIENT_ERROR") {
			line, _, _ = strings.Cut(line, ":")
		}
		answers.WriteString(maskSeconds(line) + "\n")
	}
}

// requests makes requests by chance.
type requests struct{ *rand.Rand }

func (r requests) pick(of ...string) string { return of[r.IntN(len(of))] }

func (r requests) maybe(s string) string {
	if r.IntN(4) == 0 {
		return s
	}
	return ""
}

func (r requests) key() string { return r.pick("a", "b", "c", "n1", "n2") }

func (r requests) cas() string { return fmt.Sprint(1 + r.IntN(40)) }

// request is about a key of texts or of numbers. Numbers are read with incr
// alone: how many blanks are behind one that got shorter depends in memcached on
// what it does aside.
func (r requests) request(key string) string {
	if key[0] == 'n' {
		return r.number(key)
	}
	v := r.pick("", "x", "hello", "18446744073709551616", strings.Repeat("long ", 300))
	switch r.IntN(8) {
	case 0:
		return fmt.Sprintf("%s %s %d %s %d%s\r\n%s\r\n", r.pick("set", "add", "replace", "append", "prepend"),
			key, r.Uint32(), r.pick("0", "0", "0", "10000", "-1"), len(v), r.maybe(" noreply"), v)
	case 1:
		return fmt.Sprintf("cas %s %d 0 %d %s%s\r\n%s\r\n", key, r.Uint32(), len(v), r.cas(), r.maybe(" noreply"), v)
	case 2:
		return fmt.Sprintf("%s %s b %s\r\n", r.pick("get", "gets", "gat 0", "gats 5000"), key, key)
	case 3:
		return r.change(key)
	case 4, 5:
		return fmt.Sprintf("mg %s%s\r\n", key, r.flags("v", "c", r.pick("t", "T6000", "N0", "N3000", "R4000"), "f", "s", "k", "O123", "q", "u", "C7"))
	case 6:
		return fmt.Sprintf("ms %s %d%s\r\n%s\r\n", key, len(v),
			r.flags("c", "k", "O9", "q", "T10000", "F77", "I", "C"+r.cas(), "M"+r.pick("E", "A", "P", "R", "S")), v)
	default:
		return fmt.Sprintf("md %s%s\r\n", key, r.flags("k", "O9", "q", "I", "T3000", "C"+r.cas()))
	}
}

func (r requests) number(key string) string {
	switch r.IntN(4) {
	case 0:
		v := r.pick("0", "7", "18446744073709551615", "0042")
		return fmt.Sprintf("%s %s %d %s %d%s\r\n%s\r\n", r.pick("set", "add", "replace"), key, r.Uint32(), r.pick("0", "0", "10000"), len(v), r.maybe(" noreply"), v)
	case 1:
		return r.change(key)
	default:
		return fmt.Sprintf("ma %s%s\r\n", key, r.flags("v", "c", "t", "k", "O5", r.pick("q", "N0"), "J12", "D3", "C"+r.cas(), "M"+r.pick("I", "D", "+", "-")))
	}
}

// change changes an item, or says why not.
func (r requests) change(key string) string {
	return r.pick("delete "+key, "touch "+key+" "+r.pick("0", "10000", "-1"), "incr "+key+" 0", "incr "+key+" 1", "decr "+key+" 1000",
		"incr "+key+" 18446744073709551615", "decr "+key+" x", "incr "+key+" -1") + r.maybe(" noreply") + "\r\n"
}

// flags are some of the flags, in an order made by chance.
func (r requests) flags(all ...string) (text string) {
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, f := range all[:r.IntN(min(len(all), 6))] {
		text += " " + f
	}
	return text
}
