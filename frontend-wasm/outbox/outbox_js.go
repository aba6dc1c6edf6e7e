package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall/js"
)

// How the items are kept; the service worker has the same names. There are two
// kinds of records: {id, owner, item}, where item is the JSON of an [Item] and
// owner the name of a tab, or "" before any has it; and {id, file}.
const (
	database   = "memcache-outbox"
	itemStore  = "items"
	fileStore  = "files"
	lockPrefix = "memcache-tab-"
)

// Box is the outbox of a tab. Its methods may be called from anywhere.
type Box struct {
	db      js.Value
	tab     string // its name, and that of its lock
	persist sync.Once
}

// Open opens the outbox and makes the tab known as alive, for as long as the page
// lives. It fails with [ErrUnavailable] where the browser has no IndexedDB or no
// Web Locks for the page.
func Open(ctx context.Context) (b *Box, err error) {
	defer catch(&err)
	indexedDB, locks := js.Global().Get("indexedDB"), js.Global().Get("navigator").Get("locks")
	if !indexedDB.Truthy() || !locks.Truthy() {
		return nil, ErrUnavailable
	}
	b = &Box{tab: fmt.Sprintf("%s%016x", lockPrefix, rand.Uint64())}
	request := indexedDB.Call("open", database, 1)
	upgrade := js.FuncOf(func(js.Value, []js.Value) any {
		for _, name := range []string{itemStore, fileStore} {
			request.Get("result").Call("createObjectStore", name, map[string]any{"keyPath": "id"})
		}
		return nil
	})
	defer upgrade.Release()
	request.Set("onupgradeneeded", upgrade)
	if err := settled(ctx, request, "onsuccess", "onerror", "onblocked"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	b.db = request.Get("result")
	return b, b.lock(ctx, locks)
}

// lock takes the tab's lock and never gives it back: the browser does, when the
// page is gone.
func (b *Box) lock(ctx context.Context, locks js.Value) error {
	held := make(chan struct{})
	forever := js.Global().Get("Promise").New(js.FuncOf(func(js.Value, []js.Value) any { return nil }))
	locks.Call("request", b.tab, js.FuncOf(func(js.Value, []js.Value) any {
		close(held)
		return forever
	}))
	select {
	case <-held:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Put keeps an item, in the place of an older one with its ID. It fails with
// [ErrFull] where there is no room.
func (b *Box) Put(ctx context.Context, item Item) (err error) {
	defer catch(&err)
	b.persist.Do(askToPersist)
	text, err := json.Marshal(item)
	if err != nil {
		return fmt.Errorf("keep the item %s: %w", item.ID, err)
	}
	tx := b.begin()
	tx.Call("objectStore", itemStore).Call("put", map[string]any{"id": item.ID, "owner": b.tab, "item": string(text)})
	if file, ok := item.File.(js.Value); ok {
		tx.Call("objectStore", fileStore).Call("put", map[string]any{"id": item.ID, "file": file})
	}
	return settled(ctx, tx, "oncomplete", "onabort")
}

// Remove forgets an item.
func (b *Box) Remove(ctx context.Context, id string) (err error) {
	defer catch(&err)
	tx := b.begin()
	for _, name := range []string{itemStore, fileStore} {
		tx.Call("objectStore", name).Call("delete", id)
	}
	return settled(ctx, tx, "oncomplete", "onabort")
}

// Adopt makes the items of tabs that are gone this tab's own, and returns them in
// the order in which they are to be sent.
func (b *Box) Adopt(ctx context.Context) (items []Item, err error) {
	defer catch(&err)
	alive, err := aliveTabs(ctx)
	if err != nil {
		return nil, err
	}
	tx := b.begin()
	records, files := tx.Call("objectStore", itemStore), tx.Call("objectStore", fileStore).Call("getAll")
	all := records.Call("getAll") // after the files
	// The transaction ends when nothing more is asked of it: all is done at once here.
	take := js.FuncOf(func(js.Value, []js.Value) any {
		byID := filesByID(files.Get("result"))
		found := all.Get("result")
		for i := range found.Length() {
			record := found.Index(i)
			if owner := record.Get("owner").String(); owner == b.tab || alive[owner] {
				continue
			}
			item, ok := read(record, byID)
			if !ok {
				records.Call("delete", record.Get("id")) // another version's: nobody will ever send it
				continue
			}
			items = append(items, item)
			record.Set("owner", b.tab)
			records.Call("put", record)
		}
		return nil
	})
	defer take.Release()
	all.Set("onsuccess", take)
	if err := settled(ctx, tx, "oncomplete", "onabort"); err != nil {
		return nil, err
	}
	inOrder(items)
	return items, nil
}

func filesByID(records js.Value) map[string]js.Value {
	files := make(map[string]js.Value)
	for i := range records.Length() {
		record := records.Index(i)
		files[record.Get("id").String()] = record.Get("file")
	}
	return files
}

func read(record js.Value, files map[string]js.Value) (Item, bool) {
	var item Item
	text := record.Get("item")
	if text.Type() != js.TypeString || json.Unmarshal([]byte(text.String()), &item) != nil || item.ID == "" {
		return item, false
	}
	file, has := files[item.ID]
	if has {
		item.File = file
	}
	return item, has || item.Kind != Upload
}

// aliveTabs returns the names of the locks that tabs hold.
func aliveTabs(ctx context.Context) (map[string]bool, error) {
	state, err := await(ctx, js.Global().Get("navigator").Get("locks").Call("query"))
	if err != nil {
		return nil, err
	}
	alive := make(map[string]bool)
	held := state.Get("held")
	for i := range held.Length() {
		alive[held.Index(i).Get("name").String()] = true
	}
	return alive, nil
}

func (b *Box) begin() js.Value {
	return b.db.Call("transaction", []any{itemStore, fileStore}, "readwrite", map[string]any{"durability": "strict"})
}

// askToPersist asks the browser not to throw away what is kept when its disk gets
// full. It may refuse; then it is kept as long as there is room.
func askToPersist() {
	if storage := js.Global().Get("navigator").Get("storage"); storage.Truthy() && storage.Get("persist").Truthy() {
		storage.Call("persist")
	}
}

// settled waits for an IndexedDB request or transaction: done is the name of the
// event that means success, the others mean failure.
func settled(ctx context.Context, target js.Value, done string, failed ...string) error {
	outcome := make(chan error, 1+len(failed))
	succeed := js.FuncOf(func(js.Value, []js.Value) any { outcome <- nil; return nil })
	fail := js.FuncOf(func(js.Value, []js.Value) any { outcome <- failure(target.Get("error")); return nil })
	defer func() {
		for _, event := range append(failed, done) {
			target.Set(event, js.Null())
		}
		succeed.Release()
		fail.Release()
	}()
	target.Set(done, succeed)
	for _, event := range failed {
		target.Set(event, fail)
	}
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func failure(e js.Value) error {
	if !e.Truthy() {
		return errors.New("the browser gave no reason")
	}
	if e.Get("name").String() == "QuotaExceededError" {
		return ErrFull
	}
	return errors.New(e.Call("toString").String())
}

// inOrder sorts items as they are to be sent.
func inOrder(items []Item) {
	slices.SortFunc(items, func(a, b Item) int {
		if a.Made != b.Made {
			return int(min(max(a.Made-b.Made, -1), 1))
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// await waits for a promise.
func await(ctx context.Context, promise js.Value) (js.Value, error) {
	type outcome struct {
		value js.Value
		err   error
	}
	result := make(chan outcome, 1)
	var then, otherwise js.Func
	release := func() { then.Release(); otherwise.Release() }
	then = js.FuncOf(func(_ js.Value, args []js.Value) any { result <- outcome{value: args[0]}; release(); return nil })
	otherwise = js.FuncOf(func(_ js.Value, args []js.Value) any { result <- outcome{err: failure(args[0])}; release(); return nil })
	promise.Call("then", then, otherwise)
	select {
	case o := <-result:
		return o.value, o.err
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	}
}

// catch turns what JavaScript throws into an error.
func catch(err *error) {
	if r := recover(); r != nil {
		thrown, ok := r.(js.Error)
		if !ok {
			panic(r)
		}
		*err = failure(thrown.Value)
	}
}
