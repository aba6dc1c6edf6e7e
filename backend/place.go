package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"memcache/backend/internal/filestore"
	"memcache/backend/internal/move"
	"memcache/backend/internal/s3store"
	"memcache/backend/internal/sqlindex"
)

// places is a flag that may be given several times, or a list with commas between.
type places struct {
	list     []string
	replaced bool // by the next one: the environment comes after flags
}

func (p *places) String() string { return strings.Join(p.list, ",") }

// Set adds what is given.
func (p *places) Set(s string) error {
	if p.replaced {
		p.list, p.replaced = nil, false
	}
	p.list = append(p.list, splitList(s)...)
	return nil
}

// place is where all is kept: what the flags -data, -database and -store of a server
// say. data is "" where nothing is kept in a folder.
type place struct{ data, database, store string }

// readPlace reads what -from or -to names: a folder, a MySQL database, a store, each
// once at most. What it does not name, and is not in the folder, is that of rest.
func readPlace(flag string, list []string, rest place) (p place, err error) {
	for _, text := range list {
		into := &p.data
		switch {
		case strings.HasPrefix(text, "mysql:"):
			into = &p.database
			err = sqlindex.CheckDSN(text)
		case strings.HasPrefix(text, "s3:"):
			into = &p.store
			_, err = s3store.Parse(text)
		case strings.Contains(text, "://"):
			err = errors.New("it is no folder, mysql://… or s3://…") // it may have a secret in it
		default:
			text, err = filepath.Abs(text)
		}
		if err != nil {
			return p, fmt.Errorf("-%s names a place that cannot be: %w", flag, err)
		}
		if *into != "" {
			return p, fmt.Errorf("-%s names two folders, two databases or two stores: give one of each at most", flag)
		}
		*into = text
	}
	if p.data != "" && p.database != "" && p.store != "" {
		return p, fmt.Errorf("-%s names a database, a store and a folder, in which nothing would be kept: leave one of them out", flag)
	}
	if p.data == "" && (p.database == "" || p.store == "") {
		return p.completed(flag, rest)
	}
	return p, nil
}

// completed takes what is missing from rest: the database, or the store, or both.
func (p place) completed(flag string, rest place) (place, error) {
	if rest == (place{}) {
		return p, fmt.Errorf("-%s names no database, or no store: give a folder, or mysql://… and s3://…", flag)
	}
	if p.database == "" && rest.database == "" || p.store == "" && rest.store == "" {
		p.data = rest.data
	}
	if p.database == "" {
		p.database = rest.database
	}
	if p.store == "" {
		p.store = rest.store
	}
	return p, nil
}

// files tells whether blobs are files in the folder.
func (p place) files() bool { return p.store == "" }

// sqlite tells whether the database is in the folder.
func (p place) sqlite() bool { return p.database == "" }

func (p place) sameDatabase(q place) bool {
	if p.sqlite() || q.sqlite() {
		return p.sqlite() && q.sqlite() && p.data == q.data
	}
	return sqlindex.SameDatabase(p.database, q.database)
}

func (p place) sameStore(q place) bool {
	if p.files() || q.files() {
		return p.files() && q.files() && p.data == q.data
	}
	return storeName(p.store) == storeName(q.store)
}

// of is the configuration of a server on the place.
func (p place) of(c config) config {
	c.data, c.database, c.store = p.data, p.database, p.store
	return c
}

// fileStore is what the database calls the store in a folder.
const fileStore = "files"

// storeName is what the database calls the store of the flag -store.
func storeName(store string) string {
	at, err := s3store.Parse(store)
	if store == "" || err != nil { // it was checked
		return fileStore
	}
	at.Region = "" // which may be given or not
	return at.String()
}

// storeText is the store for people.
func (p place) storeText() string {
	if p.files() {
		return "the files in " + p.data
	}
	return storeName(p.store)
}

// openSource opens what a server may be using.
func (p place) openSource(ctx context.Context, cfg config, log *slog.Logger) (s move.Source, closers []io.Closer, err error) {
	if s.Index, err = sqlindex.OpenExisting(ctx, p.of(cfg).index(log)); err != nil {
		return s, nil, err
	}
	closers = append(closers, s.Index)
	reader, err := p.openReader(ctx, cfg, log)
	if err != nil {
		return s, closers, err
	}
	s.Store = storeName(p.store)
	s.Name, s.Open = s.Index.Name()+" and "+p.storeText(), reader.Open
	return s, append(closers, reader), nil
}

func (p place) openReader(ctx context.Context, cfg config, log *slog.Logger) (heldBlobs, error) {
	if p.files() {
		return filestore.OpenReader(p.data)
	}
	at, err := p.of(cfg).s3(log, nil)
	if err != nil {
		return nil, err
	}
	return s3store.OpenReader(ctx, at)
}

// openTarget opens what is to be the copy of from, for this process alone as far as
// that can be told. What both have in common stays as it is.
func (p place) openTarget(ctx context.Context, cfg config, log *slog.Logger, from place, source move.Source) (t move.Target, closers []io.Closer, err error) {
	t.Store, t.Index = storeName(p.store), source.Index
	if !p.sameStore(from) {
		t.Name = p.storeText()
		var closer io.Closer
		if t.Blobs, closer, err = p.openBlobs(ctx, cfg, log); err != nil {
			return t, nil, err
		}
		closers = append(closers, closer)
	}
	if p.sameDatabase(from) {
		return t, closers, nil
	}
	if p.sqlite() && !p.files() {
		folder, err := filestore.OpenFolder(p.data)
		if err != nil {
			return t, closers, err
		}
		closers = append(closers, folder)
	}
	database := p.of(cfg).index(log)
	database.Receives = true
	if t.Index, err = sqlindex.Open(ctx, database); err != nil {
		return t, closers, err
	}
	t.Name = strings.TrimSuffix(t.Index.Name()+" and "+t.Name, " and ")
	return t, append(closers, t.Index), nil
}

func (p place) openBlobs(ctx context.Context, cfg config, log *slog.Logger) (move.Blobs, io.Closer, error) {
	if p.files() {
		store, err := filestore.Open(p.data, filestore.Config{Log: log, MaxBytes: int64(cfg.maxStore)})
		if err != nil {
			return nil, nil, err
		}
		return store, store, nil
	}
	at, err := p.of(cfg).s3(log, nil)
	if err != nil {
		return nil, nil, err
	}
	store, err := s3store.Open(ctx, at)
	if err != nil {
		return nil, nil, err
	}
	return store, closing(store.Close), nil
}

// closing is a closer that cannot fail.
type closing func()

func (c closing) Close() error {
	c()
	return nil
}
