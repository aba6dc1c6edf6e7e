package storagetest

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"memcache/backend/internal/pool"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// MemIndex is a [storage.Index] in memory, for tests of what stands above an
// index. Its zero value is empty.
type MemIndex struct {
	mu         sync.Mutex
	rows       map[string]storage.Object
	trash      map[string]discarded
	generation int64
	nodes      string // the text of the pool
}

// discarded is a row that can be restored; it is kept until another one of its
// key is discarded.
type discarded struct {
	storage.Object
	at time.Time
}

var _ storage.Index = (*MemIndex)(nil)

// Get returns the row of key.
func (x *MemIndex) Get(ctx context.Context, key string) (storage.Object, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	o, ok := x.rows[key]
	if err := ctx.Err(); err != nil {
		return storage.Object{}, err
	}
	if !ok {
		return storage.Object{}, fs.ErrNotExist
	}
	return o, nil
}

// Put inserts or replaces the row of o.Key.
func (x *MemIndex) Put(ctx context.Context, o storage.Object) (storage.Object, error) {
	return memFence{MemIndex: x}.Put(ctx, o)
}

// put is Put under the lock.
func (x *MemIndex) put(o storage.Object) storage.Object {
	if x.rows == nil {
		x.rows = make(map[string]storage.Object)
	}
	old, ok := x.rows[o.Key]
	o.Modified = o.Modified.UTC().Truncate(time.Millisecond)
	o.Version = old.Version + 1
	o.Created = o.Modified
	if ok {
		o.Created = old.Created
	}
	x.rows[o.Key] = o
	return o
}

// Copy gives the row of to what that of from has.
func (x *MemIndex) Copy(ctx context.Context, from, to string, modified time.Time, remove bool) (storage.Object, error) {
	return memFence{MemIndex: x}.Copy(ctx, from, to, modified, remove)
}

// Delete removes the row of key.
func (x *MemIndex) Delete(ctx context.Context, key string) error {
	return memFence{MemIndex: x}.Delete(ctx, key)
}

// Discard removes the row of key and keeps it for Restore.
func (x *MemIndex) Discard(ctx context.Context, key string, deleted time.Time) error {
	return memFence{MemIndex: x}.Discard(ctx, key, deleted)
}

// Restore puts the row of key back.
func (x *MemIndex) Restore(ctx context.Context, key string, since time.Time) (storage.Object, error) {
	return memFence{MemIndex: x}.Restore(ctx, key, since)
}

// DeleteAll removes every row.
func (x *MemIndex) DeleteAll(ctx context.Context) (int64, error) {
	return memFence{MemIndex: x}.DeleteAll(ctx)
}

// Fenced returns the rows under a fence.
func (x *MemIndex) Fenced(generation int64) storage.Index {
	return memFence{MemIndex: x, generation: generation, fenced: true}
}

// memFence is a MemIndex whose changes are fenced, or not.
type memFence struct {
	*MemIndex
	generation int64
	fenced     bool
}

// lock locks the rows for a change.
func (x memFence) lock(ctx context.Context) (unlock func(), err error) {
	x.mu.Lock()
	if err = ctx.Err(); err == nil && x.fenced && x.MemIndex.generation != x.generation {
		err = storage.ErrFenced
	}
	if err != nil {
		x.mu.Unlock()
		return nil, err
	}
	return x.mu.Unlock, nil
}

func (x memFence) Put(ctx context.Context, o storage.Object) (storage.Object, error) {
	unlock, err := x.lock(ctx)
	if err != nil {
		return storage.Object{}, err
	}
	defer unlock()
	return x.put(o), nil
}

func (x memFence) Copy(ctx context.Context, from, to string, modified time.Time, remove bool) (storage.Object, error) {
	unlock, err := x.lock(ctx)
	if err != nil {
		return storage.Object{}, err
	}
	defer unlock()
	o, ok := x.rows[from]
	if !ok {
		return storage.Object{}, fs.ErrNotExist
	}
	o.Key, o.Modified = to, modified
	o = x.put(o)
	if remove {
		delete(x.rows, from)
	}
	return o, nil
}

func (x memFence) Delete(ctx context.Context, key string) error {
	unlock, err := x.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := x.rows[key]; !ok {
		return fs.ErrNotExist
	}
	delete(x.rows, key)
	return nil
}

func (x memFence) Discard(ctx context.Context, key string, deleted time.Time) error {
	unlock, err := x.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	o, ok := x.rows[key]
	if !ok {
		return fs.ErrNotExist
	}
	if x.trash == nil {
		x.MemIndex.trash = make(map[string]discarded)
	}
	x.trash[key] = discarded{o, deleted}
	delete(x.rows, key)
	return nil
}

func (x memFence) Restore(ctx context.Context, key string, since time.Time) (storage.Object, error) {
	unlock, err := x.lock(ctx)
	if err != nil {
		return storage.Object{}, err
	}
	defer unlock()
	if _, exists := x.rows[key]; exists {
		return storage.Object{}, fs.ErrExist
	}
	old, ok := x.trash[key]
	if !ok || old.at.Before(since) {
		return storage.Object{}, fs.ErrNotExist
	}
	delete(x.trash, key)
	x.rows[key] = old.Object
	return old.Object, nil
}

func (x memFence) DeleteAll(ctx context.Context) (int64, error) {
	unlock, err := x.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	n := len(x.rows)
	clear(x.rows)
	clear(x.trash)
	return int64(n), nil
}

// List returns a page of rows.
func (x *MemIndex) List(ctx context.Context, q api.ListQuery) (storage.Page, error) {
	if err := ctx.Err(); err != nil {
		return storage.Page{}, err
	}
	at, err := decodeCursor(q)
	if err != nil {
		return storage.Page{}, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	page := storage.Page{Exact: true}
	for _, o := range x.rows {
		if !strings.HasPrefix(o.Key, q.Prefix) || !strings.Contains(lowerASCII(o.Key), lowerASCII(q.Search)) {
			continue
		}
		page.Total++
		if onPage(q, at, o) {
			page.Objects = append(page.Objects, o)
		}
	}
	slices.SortFunc(page.Objects, func(a, b storage.Object) int { return compare(q.Sort, a, b) })
	before, after := q.After+q.From != "", q.Before != ""
	if over := len(page.Objects) - q.Limit; over > 0 && q.Before != "" {
		page.Objects, before = page.Objects[over:], true
	} else if over > 0 {
		page.Objects, after = page.Objects[:q.Limit], true
	}
	if n := len(page.Objects); n > 0 && before {
		page.Prev = encodeCursor(q.Sort, page.Objects[0])
	}
	if n := len(page.Objects); n > 0 && after {
		page.Next = encodeCursor(q.Sort, page.Objects[n-1])
	}
	return page, nil
}

// onPage tells whether o stands where the page of q is; at is q's cursor.
func onPage(q api.ListQuery, at, o storage.Object) bool {
	switch {
	case q.After != "":
		return compare(q.Sort, at, o) < 0
	case q.Before != "":
		return compare(q.Sort, at, o) > 0
	case q.Sort == api.SortKeyDown:
		return o.Key < q.From || q.From == "" || strings.HasPrefix(o.Key, q.From)
	}
	return o.Key >= q.From
}

// compare orders rows as sort says, then by key.
func compare(sort string, a, b storage.Object) int {
	byKey := strings.Compare(a.Key, b.Key)
	switch sort {
	case api.SortNewest:
		return cmp.Or(b.Modified.Compare(a.Modified), byKey)
	case api.SortOldest:
		return cmp.Or(a.Modified.Compare(b.Modified), byKey)
	case api.SortSmallest:
		return cmp.Or(cmp.Compare(a.Size, b.Size), byKey)
	case api.SortType:
		return cmp.Or(strings.Compare(a.Type, b.Type), byKey)
	case api.SortKeyDown:
		return compare(api.SortKey, b, a)
	case api.SortLargest:
		return compare(api.SortSmallest, b, a)
	case api.SortTypeDown:
		return compare(api.SortType, b, a)
	}
	return byKey
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// A cursor is the order and the last row of a page, as JSON in base64url.
type memCursor struct {
	Sort string
	Row  storage.Object
}

func encodeCursor(sort string, o storage.Object) string {
	b, err := json.Marshal(memCursor{sort, o})
	if err != nil {
		panic(err) // a row of plain values
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeCursor(q api.ListQuery) (storage.Object, error) {
	if q.After+q.Before == "" {
		return storage.Object{}, nil
	}
	var c memCursor
	b, err := base64.RawURLEncoding.Strict().DecodeString(q.After + q.Before)
	if err != nil || json.Unmarshal(b, &c) != nil || c.Sort != q.Sort || api.CheckKey(c.Row.Key) != nil {
		return storage.Object{}, api.Errorf(api.Invalid, "the page cursor is not one that this list gave: begin with the first page")
	}
	return c.Row, nil
}

// SetChecksum notes the checksum of a blob in the rows that name it.
func (x *MemIndex) SetChecksum(ctx context.Context, blob, checksum string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for key, o := range x.rows {
		if o.Blob == blob {
			o.Checksum = checksum
			x.rows[key] = o
		}
	}
	return ctx.Err()
}

// BlobsInUse tells which of the blobs are named by a row.
func (x *MemIndex) BlobsInUse(ctx context.Context, ids []string) (map[string]bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	used := make(map[string]bool)
	for _, o := range x.rows {
		if slices.Contains(ids, o.Blob) {
			used[o.Blob] = true
		}
	}
	for _, o := range x.trash {
		if slices.Contains(ids, o.Blob) {
			used[o.Blob] = true
		}
	}
	return used, ctx.Err()
}

// Pool returns the state of the cache nodes.
func (x *MemIndex) Pool(ctx context.Context) (*pool.State, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return pool.Parse(x.generation, x.nodes)
}

// ChangePool makes the state to, if the generation is from.
func (x *MemIndex) ChangePool(ctx context.Context, from int64, to *pool.State) (*pool.State, error) {
	x.mu.Lock()
	if err := ctx.Err(); err != nil {
		x.mu.Unlock()
		return nil, err
	}
	if x.generation == from {
		x.generation, x.nodes = to.Generation, to.Text()
	}
	x.mu.Unlock()
	return x.Pool(ctx)
}
