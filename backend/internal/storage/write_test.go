package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

func TestPutOpenDelete(t *testing.T) {
	var changes []api.Changed
	f := start(t, func(c *storage.Config) { c.OnChange = func(x api.Changed) { changes = append(changes, x) } })
	before := time.Now().UnixMilli()
	first := put(t, f.Store, "photo", "one")
	if first.Key != "photo" || first.Size != 3 || first.Version != 1 || first.Created < before || first.Modified != first.Created {
		t.Errorf("stored: %+v", first)
	}
	if len(first.ETag) != 34 || first.ETag[0] != '"' || first.ETag[33] != '"' {
		t.Errorf("the ETag is %s", first.ETag)
	}
	c := wantRead(t, f.Store, "photo", "one", storage.Miss)
	if c.Object != first || c.Steps.Cache <= 0 || c.Steps.Database <= 0 || c.Steps.Blob <= 0 {
		t.Errorf("opened: %+v", c)
	}
	c = wantCached(t, f.Store, "photo", "one")
	if c.Object != first {
		t.Errorf("from the cache: %+v", c.Object)
	}
	second := put(t, f.Store, "photo", "two!")
	if second.Version != 2 || second.Created != first.Created || second.ETag == first.ETag {
		t.Errorf("replaced: %+v after %+v", second, first)
	}
	wantRead(t, f.Store, "photo", "two!", storage.Miss)
	if o, err := f.Stat(t.Context(), "photo"); err != nil || o != second {
		t.Errorf("Stat = %+v, %v", o, err)
	}
	if err := f.Delete(t.Context(), "photo", storage.Cond{}); err != nil {
		t.Fatal(err)
	}
	_, err := f.Open(t.Context(), "photo")
	wantCode(t, err, api.NotFound)
	_, err = f.Stat(t.Context(), "photo")
	wantCode(t, err, api.NotFound)
	wantCode(t, f.Delete(t.Context(), "photo", storage.Cond{}), api.NotFound)
	want := []api.Changed{{Key: "photo"}, {Key: "photo"}, {Key: "photo", Deleted: true}}
	if !slices.Equal(changes, want) {
		t.Errorf("changes: %+v, want %+v", changes, want)
	}
}

// refusedKeys are keys that nothing takes.
var refusedKeys = map[string]string{
	"empty": "", "1025 bytes": strings.Repeat("k", 1025), "invalid UTF-8": "a\xff", "NUL": "a\x00b", "CR": "a\rb", "LF": "a\nX-Injected: 1",
}

func TestFault01_02_05_RefusedKeys(t *testing.T) {
	f := start(t, nil)
	for name, key := range refusedKeys {
		_, err := f.Put(t.Context(), key, strings.NewReader("x"), storage.Cond{})
		wantCode(t, err, api.Invalid)
		_, err = f.Open(t.Context(), key)
		wantCode(t, err, api.Invalid)
		_, err = f.Stat(t.Context(), key)
		wantCode(t, err, api.Invalid)
		wantCode(t, f.Delete(t.Context(), key, storage.Cond{}), api.Invalid)
		wantCode(t, f.Invalidate(t.Context(), key), api.Invalid)
		if n := f.files(t); n != 0 {
			t.Fatalf("%s: %d files were left", name, n)
		}
	}
}

func TestFault02_LongestKey(t *testing.T) {
	f := start(t, nil)
	key := strings.Repeat("é", 512)
	put(t, f.Store, key, "long")
	wantRead(t, f.Store, key, "long", storage.Miss)
	wantCached(t, f.Store, key, "long")
}

// TestFault04_06_KeysAreOnlyKeys: keys that look like paths or protocol are
// stored, apart from each other, and reach neither paths nor the cache.
func TestFault04_06_KeysAreOnlyKeys(t *testing.T) {
	f := start(t, nil)
	keys := []string{
		"../../etc/passwd", `..\x`, "%2e%2e%2f", "/abs", "CON", "\u00e9", "e\u0301", "a", "A", "a ", " a", "a b", "flush_all",
		"..", ".", "//", "lock", "blobs", "😀", "\u202egnp.exe",
	}
	for _, key := range keys {
		put(t, f.Store, key, "content of "+key)
	}
	for _, key := range keys {
		wantRead(t, f.Store, key, "content of "+key, storage.Miss)
		warm(t, f.Store, key)
	}
	if n := f.files(t); n != len(keys) {
		t.Errorf("%d files for %d keys", n, len(keys))
	}
	f.cache.keys.Range(func(k, _ any) bool {
		key := k.(string)
		if !regexp.MustCompile(`^g\d+:[-_0-9A-Za-z]{43}$`).MatchString(key) {
			t.Errorf("the cache was asked for %q", key)
		}
		return true
	})
}

func TestFault07_EmptyObject(t *testing.T) {
	f := start(t, nil)
	o := put(t, f.Store, "empty", "")
	if o.Size != 0 || o.Type == "" {
		t.Errorf("stored: %+v", o)
	}
	if c := wantRead(t, f.Store, "empty", "", storage.Miss); c.Object != o {
		t.Errorf("opened: %+v", c.Object)
	}
	if c := wantCached(t, f.Store, "empty", ""); c.Object != o {
		t.Errorf("from the cache: %+v", c.Object)
	}
}

func TestFault08_Limit(t *testing.T) {
	const limit = 200_000
	f := start(t, func(c *storage.Config) { c.MaxObject = limit })
	at := strings.Repeat("x", limit)
	for name, r := range map[string]io.Reader{
		"one byte more": strings.NewReader(at + "x"),
		"endless":       endless{},
		"byte by byte":  iotest.OneByteReader(strings.NewReader(at + "x")),
		"with EOF":      iotest.DataErrReader(strings.NewReader(at + "x")),
	} {
		_, err := f.Put(t.Context(), "large", r, storage.Cond{})
		wantCode(t, err, api.TooLarge)
		if n := f.files(t); n != 0 {
			t.Fatalf("%s: %d files were left", name, n)
		}
		_, err = f.Stat(t.Context(), "large")
		wantCode(t, err, api.NotFound)
	}
	if o := put(t, f.Store, "large", at); o.Size != limit {
		t.Errorf("at the limit: %+v", o)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestFault09_BrokenUpload(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "key", "old")
	for _, size := range []int{0, 10, 5000, 300_000} {
		r := io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err := f.Put(t.Context(), "key", r, storage.Cond{})
		wantCode(t, err, api.Invalid)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the cause is lost: %v", err)
		}
	}
	if n := f.files(t); n != 1 {
		t.Errorf("%d files, want the old one", n)
	}
	wantRead(t, f.Store, "key", "old", storage.Miss)
}

func TestFault11_TypeFromContent(t *testing.T) {
	f := start(t, nil)
	for key, test := range map[string]struct{ content, want string }{
		"page.jpg":  {"<!DOCTYPE html><html><body onload=alert(1)>", "text/html; charset=utf-8"},
		"image.txt": {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"},
		"photo":     {"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "image/jpeg"},
		"note.png":  {"Grüße, just text", "text/plain; charset=utf-8"},
		"paper":     {"%PDF-1.7\n%\xe2\xe3", "application/pdf"},
		"x.html":    {"\x00\x01\x02\x03\x80\x81", "application/octet-stream"},
		"drawing":   {`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"></svg>`, "image/svg+xml"},
	} {
		for _, padding := range []int{0, 100_000} { // the type is found in the first bytes
			o := put(t, f.Store, key, test.content+strings.Repeat(" ", padding))
			if o.Type != test.want {
				t.Errorf("%s has the type %q, want %q", key, o.Type, test.want)
			}
		}
	}
}

func TestConditions(t *testing.T) {
	f := start(t, nil)
	ctx := t.Context()
	try := func(content string, cond storage.Cond) error {
		_, err := f.Put(ctx, "k", strings.NewReader(content), cond)
		return err
	}
	wantCode(t, try("x", storage.Cond{IfMatch: []string{"*"}}), api.PreconditionFailed)
	wantCode(t, f.Delete(ctx, "k", storage.Cond{IfMatch: []string{"*"}}), api.PreconditionFailed)
	if err := try("one", storage.Cond{IfNoneMatch: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, try("two", storage.Cond{IfNoneMatch: []string{"*"}}), api.PreconditionFailed)
	o, err := f.Stat(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, try("two", storage.Cond{IfNoneMatch: []string{`"other"`, "W/" + o.ETag}}), api.PreconditionFailed)
	wantCode(t, try("two", storage.Cond{IfMatch: []string{`"other"`, "W/" + o.ETag}}), api.PreconditionFailed)
	wantCode(t, f.Delete(ctx, "k", storage.Cond{IfMatch: []string{`"other"`}}), api.PreconditionFailed)
	if err := try("two", storage.Cond{IfMatch: []string{`"other"`, o.ETag}}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, try("three", storage.Cond{IfMatch: []string{o.ETag}}), api.PreconditionFailed)
	if err := f.Delete(ctx, "k", storage.Cond{IfMatch: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
}

// TestConditionsAreAtomic: of many writers who each replace what they have
// seen, exactly one wins each round.
func TestConditionsAreAtomic(t *testing.T) {
	f := start(t, nil)
	won := make(chan string, 20)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			content := fmt.Sprint("writer ", i)
			_, err := f.Put(t.Context(), "k", strings.NewReader(content), storage.Cond{IfNoneMatch: []string{"*"}})
			if err == nil {
				won <- content
			} else if api.AsError(err).Code != api.PreconditionFailed {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d writers won", len(won))
	}
	wantRead(t, f.Store, "k", <-won, storage.Miss)
}

func TestFault57_ConcurrentPuts(t *testing.T) {
	f := start(t, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := f.Put(t.Context(), "k", strings.NewReader(fmt.Sprint("writer ", i)), storage.Cond{}); err != nil {
				t.Error(err)
			}
			if c, err := f.Open(t.Context(), "k"); err != nil {
				t.Error(err)
			} else {
				c.Close()
			}
		})
	}
	wg.Wait()
	o, err := f.Stat(t.Context(), "k")
	if err != nil || o.Version != 20 {
		t.Fatalf("Stat = %+v, %v", o, err)
	}
	if _, c := read(t, f.Store, "k"); c.Object != o {
		t.Errorf("the cache has %+v, the index %+v", c.Object, o)
	}
}

func TestDeleteAllAndSweep(t *testing.T) {
	f := start(t, nil)
	for i := range 10 {
		put(t, f.Store, fmt.Sprint("key", i), fmt.Sprint("content", i))
	}
	warm(t, f.Store, "key3")
	put(t, f.Store, "key0", "replaced")
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.files(t); n != 11 {
		t.Errorf("%d blobs: the replaced one is to stay for its grace", n)
	}
	n, err := f.DeleteAll(t.Context())
	if n != 10 || err != nil {
		t.Fatalf("DeleteAll = %d, %v", n, err)
	}
	_, err = f.Open(t.Context(), "key3")
	wantCode(t, err, api.NotFound)
	if n := f.files(t); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
	put(t, f.Store, "key3", "content3")
	wantRead(t, f.Store, "key3", "content3", storage.Miss)
}

func TestSweepAfterGrace(t *testing.T) {
	f := start(t, func(c *storage.Config) { c.Grace = time.Nanosecond })
	put(t, f.Store, "k", "old")
	put(t, f.Store, "k", "new")
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.files(t); n != 1 {
		t.Errorf("%d blobs are left", n)
	}
	wantRead(t, f.Store, "k", "new", storage.Miss)
}

// TestCancelledPut: before the commit it stores nothing, from then on it ends
// what it has begun.
func TestCancelledPut(t *testing.T) {
	f := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	r := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) { cancel(); return 0, nil }))
	if _, err := f.Put(ctx, "k", r, storage.Cond{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled in the body: %v", err)
	}
	if n := f.files(t); n != 0 {
		t.Errorf("%d files were left", n)
	}
	ctx, cancel = context.WithCancel(t.Context())
	f.index.onPut = cancel
	if _, err := f.Put(ctx, "k", strings.NewReader("whole"), storage.Cond{}); err != nil {
		t.Errorf("cancelled in the commit: %v", err)
	}
	wantRead(t, f.Store, "k", "whole", storage.Miss)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestList(t *testing.T) {
	f := start(t, nil)
	for i := range 5 {
		put(t, f.Store, fmt.Sprint("key", i), fmt.Sprint("content", i))
	}
	list, err := f.List(t.Context(), api.ListQuery{Sort: api.SortKey, Limit: 2})
	if err != nil || len(list.Objects) != 2 || list.Objects[0].Key != "key0" || list.Total != 5 || list.Next == "" {
		t.Fatalf("List = %+v, %v", list, err)
	}
	if o, err := f.Stat(t.Context(), "key0"); err != nil || list.Objects[0] != o {
		t.Errorf("listed %+v, Stat %+v, %v", list.Objects[0], o, err)
	}
	if list, err = f.List(t.Context(), api.ListQuery{}); err != nil || len(list.Objects) != 5 {
		t.Errorf("List with defaults = %+v, %v", list, err)
	}
	for _, q := range []api.ListQuery{
		{Sort: "size!"},
		{Limit: -1},
		{Limit: api.MaxListLimit + 1},
		{After: "nonsense"},
		{Before: "nonsense"},
		{After: "a", Before: "a"},
		{From: "key", Sort: api.SortNewest},
	} {
		_, err := f.List(t.Context(), q)
		wantCode(t, err, api.Invalid)
	}
	_, err = f.List(t.Context(), api.ListQuery{Sort: "color"})
	for _, name := range append(api.Sorts, "color") {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error %q lacks %q", err, name)
		}
	}
}

func TestStarts(t *testing.T) {
	f := start(t, nil)
	starts := func(prefix, want string) {
		t.Helper()
		found, err := f.Starts(t.Context(), prefix)
		if got := strings.Join(found.Starts, " "); err != nil || got != want || found.More {
			t.Errorf("the keys with %q begin with %q (more: %t), %v; want %q", prefix, got, found.More, err, want)
		}
	}
	starts("", "")
	put(t, f.Store, "a/1", "x")
	starts("", "a/1")
	for _, key := range []string{"a", "a/12", "a/é", "a/\ud7ff", "a/\ue000", "a/\U0010ffff", "a/é2"} {
		put(t, f.Store, key, "x")
	}
	starts("", "a a/")
	starts("a/", "a/1 a/é a/\ud7ff a/\ue000 a/\U0010ffff")
	starts("a/1", "a/1 a/12")
	starts("b", "")
	put(t, f.Store, "Z", "x")
	starts("", "Z a")
	for i := range api.MaxStarts {
		put(t, f.Store, "m"+string(rune(0x4e00+i)), "x")
	}
	if found, err := f.Starts(t.Context(), "m"); err != nil || len(found.Starts) != api.MaxStarts || found.More {
		t.Errorf("%d starts, more: %t, %v", len(found.Starts), found.More, err)
	}
	put(t, f.Store, "m"+string(rune(0x4e00+api.MaxStarts)), "x")
	if found, err := f.Starts(t.Context(), "m"); err != nil || len(found.Starts) != api.MaxStarts || !found.More {
		t.Errorf("with one more there are %d starts, more: %t, %v", len(found.Starts), found.More, err)
	}
	_, err := f.Starts(t.Context(), strings.Repeat("k", api.MaxKeyBytes+1))
	wantCode(t, err, api.Invalid)
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []storage.Config{{}, {Blobs: &blobs{}}, {Blobs: &blobs{}, Index: &index{}, MaxObject: -1}} {
		if _, err := storage.New(cfg); err == nil {
			t.Errorf("New(%+v) succeeded", cfg)
		}
	}
}
