package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
)

// same checks that a is the answer that b was, told from memory.
func (w *world) same(a, b answer) {
	w.t.Helper()
	if a.StatusCode != b.StatusCode || a.body != b.body || a.Header.Get("Etag") != b.Header.Get("Etag") ||
		a.Header.Get("Location") != b.Header.Get("Location") || a.Header.Get("Content-Type") != b.Header.Get("Content-Type") {
		w.t.Errorf("the same request is answered %d %v %s, then %d %v %s", b.StatusCode, b.Header, b.body, a.StatusCode, a.Header, a.body)
	}
	if a.Header.Get("Idempotent-Replayed") != "true" || b.Header.Get("Idempotent-Replayed") != "" {
		w.t.Errorf("replayed: %v, then %v", b.Header, a.Header)
	}
}

func (w *world) version(key string) int64 {
	w.t.Helper()
	var page api.List
	must(w.t, json.Unmarshal([]byte(w.want(w.do("GET", "/api/v1/objects", nil), 200).body), &page))
	for _, o := range page.Objects {
		if o.Key == key {
			return o.Version
		}
	}
	return 0
}

func TestFault22_TheSameKeyTwiceIsOneObjectAndOneAnswer(t *testing.T) {
	w := start(t)
	put := func(target, body, key string) answer {
		t.Helper()
		return w.do("PUT", target, strings.NewReader(body), "Idempotency-Key", key)
	}
	first := w.want(put("/objects/a%20b", "one", "key-1"), 201)
	w.same(put("/objects/a%20b", "one", "key-1"), first)
	if v := w.version("a b"); v != 1 {
		t.Errorf("the object has version %d: it was stored again", v)
	}
	w.wantProblem(put("/objects/a%20b", "two", "key-1"), 422, "Idempotency-Key")
	w.wantProblem(put("/objects/other", "one", "key-1"), 422)
	w.wantProblem(w.do("DELETE", "/objects/a%20b", nil, "Idempotency-Key", "key-1"), 422)
	if a := w.want(w.get("a b"), 200); a.body != "one" || len(w.listed()) != 1 {
		t.Errorf("it holds %q; listed %q", a.body, w.listed())
	}
	w.want(put("/objects/a%20b", "two", "key-2"), 200)
	w.same(put("/objects/a%20b", "one", "key-1"), first) // also when time has gone on
	if a := w.want(w.get("a b"), 200); a.body != "two" {
		t.Errorf("the old request was carried out again: %q", a.body)
	}
}

func TestFault22_EveryChangeTakesAnIdempotencyKey(t *testing.T) {
	w := start(t)
	for _, key := range []string{"a", "b", "c"} {
		w.want(w.put(key, key), 201)
	}
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"DELETE", "/objects/c", "", 204},
		{"POST", "/api/v1/objects/copy", `{"from":"a","to":"a2"}`, 201},
		{"POST", "/api/v1/objects/rename", `{"from":"b","to":"b2"}`, 201},
		{"POST", "/api/v1/objects/delete", `{"keys":["a2","none"]}`, 200},
	} {
		ask := func(body string) answer {
			t.Helper()
			return w.do(c.method, c.target, strings.NewReader(body), "Idempotency-Key", c.target)
		}
		first := w.want(ask(c.body), c.status)
		w.same(ask(c.body), first)
		w.wantProblem(ask(c.body+" "), 422)
	}
	// A form comes with another boundary when it is sent again.
	files := []part{{"key", "", "k1"}, {"f", "x", "one"}, {"f", "k2", "two"}}
	ask := func(boundary string, files []part) answer {
		t.Helper()
		body, contentType := formOf(t, boundary, files...)
		return w.do("POST", "/api/v1/objects", body, "Content-Type", contentType, "Idempotency-Key", "form")
	}
	first := ask("first", files)
	w.stored(first, "k1|k2", "")
	w.same(ask("second", files), first)
	w.wantProblem(ask("third", files[1:]), 422)
	w.wantProblem(ask("fourth", []part{{"key", "", "k1"}, {"f", "x", "on"}, {"f", "k2", "etwo"}}), 422)
	if w.version("k1") != 1 || w.version("k2") != 1 {
		t.Error("a form was stored again")
	}
}

func TestFault22_WhatFailedIsTriedAgain(t *testing.T) {
	w := start(t)
	rename := func() answer {
		t.Helper()
		return w.do("POST", "/api/v1/objects/rename", strings.NewReader(`{"from":"a","to":"b"}`), "Idempotency-Key", "k")
	}
	w.wantProblem(rename(), 404)
	w.want(w.put("a", "x"), 201)
	done := w.want(rename(), 201)
	w.same(rename(), done)
}

func TestFault22_BadIdempotencyKeys(t *testing.T) {
	w := start(t)
	for _, header := range [][]string{
		{"Idempotency-Key", ""},
		{"Idempotency-Key", strings.Repeat("k", 256)},
		{"Idempotency-Key", "a", "Idempotency-Key", "b"},
	} {
		w.wantProblem(w.do("PUT", "/objects/k", strings.NewReader("x"), header...), 400, "255")
	}
	w.want(w.do("PUT", "/objects/k", strings.NewReader("x"), "Idempotency-Key", strings.Repeat("k", 255)), 201)
}

// watched tells when it is asked for an answer.
type watched struct {
	Answers
	asked chan struct{}
}

func (a watched) Answer(ctx context.Context, id [32]byte) ([]byte, error) {
	select {
	case a.asked <- struct{}{}:
	default:
	}
	return a.Answers.Answer(ctx, id)
}

func TestFault22_TheSameKeyAtOnce(t *testing.T) {
	asked := make(chan struct{}, 1)
	w := start(t, func(c *Config) { c.Answers = watched{c.Answers, asked} })
	body, more := io.Pipe()
	first := make(chan answer)
	go func() { first <- w.do("PUT", "/objects/k", body, "Idempotency-Key", "same") }()
	_, err := more.Write([]byte("content"))
	must(t, err)
	<-asked // by now the first request is being carried out
	second := w.do("PUT", "/objects/k", strings.NewReader("content"), "Idempotency-Key", "same")
	w.wantProblem(second, 409, "Idempotency-Key")
	if second.Header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After in %v", second.Header)
	}
	must(t, more.Close())
	done := w.want(<-first, 201)
	w.same(w.do("PUT", "/objects/k", strings.NewReader("content"), "Idempotency-Key", "same"), done)
}

// claiming tells when an answer was claimed.
type claiming struct {
	Answers
	claimed chan struct{}
}

func (a claiming) ClaimAnswer(ctx context.Context, id [32]byte, claim string, keep time.Duration) (bool, error) {
	mine, err := a.Answers.ClaimAnswer(ctx, id, claim, keep)
	if mine {
		a.claimed <- struct{}{}
	}
	return mine, err
}

// TestFault22_TheSameKeyAtOnceAtTwoBackends: the two share nothing but what is in
// the database.
func TestFault22_TheSameKeyAtOnceAtTwoBackends(t *testing.T) {
	claimed := make(chan struct{}, 10)
	var shared Config
	a := start(t, func(c *Config) {
		c.Answers = claiming{c.Answers, claimed}
		shared = *c
	})
	b := start(t, func(c *Config) { c.Answers, c.Objects = shared.Answers, shared.Objects })
	ask := func(w *world, body io.Reader) answer {
		return w.do("PUT", "/objects/k", body, "Idempotency-Key", "same")
	}
	body, more := io.Pipe()
	first := make(chan answer)
	go func() { first <- ask(a, body) }()
	<-claimed
	b.wantProblem(ask(b, strings.NewReader("content")), 409, "Idempotency-Key")
	_, err := more.Write([]byte("content"))
	must(t, err)
	must(t, more.Close())
	done := a.want(<-first, 201)
	b.same(ask(b, strings.NewReader("content")), done)
	if v := a.version("k"); v != 1 {
		t.Errorf("the object has version %d: it was stored twice", v)
	}
}

// forgetful loses every answer.
type forgetful struct{ err error }

func (f forgetful) Answer(context.Context, [32]byte) ([]byte, error) { return nil, f.err }
func (f forgetful) KeepAnswer(context.Context, [32]byte, []byte, time.Duration) error {
	return errors.New("the disk is full")
}

func (f forgetful) ClaimAnswer(context.Context, [32]byte, string, time.Duration) (bool, error) {
	return true, nil
}

func (f forgetful) RenewClaim(context.Context, [32]byte, string, time.Duration) error { return nil }

func (f forgetful) ReleaseClaim(context.Context, [32]byte, string) error { return nil }

func TestAnswerThatCannotBeKept(t *testing.T) {
	w := start(t, func(c *Config) { c.Answers = forgetful{fs.ErrNotExist} })
	w.want(w.do("PUT", "/objects/k", strings.NewReader("x"), "Idempotency-Key", "k"), 201) // it is stored, so that is the answer
	down := start(t, func(c *Config) { c.Answers = forgetful{api.Errorf(api.Unavailable, "the database is down")} })
	down.wantProblem(down.do("PUT", "/objects/k", strings.NewReader("x"), "Idempotency-Key", "k"), 503)
	if keys := down.listed(); len(keys) != 0 {
		t.Errorf("stored %q without knowing whether it had been", keys)
	}
}
