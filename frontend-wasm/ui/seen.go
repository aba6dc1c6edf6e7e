package ui

import (
	"fmt"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// seen is what was seen last, kept in the browser so that a page opened
// without a server shows it. Each part is bounded, and a browser that keeps
// nothing (private windows, a full disk) only means that nothing is shown.
type seen struct{ storage app.BrowserStorage }

// The names under which the parts are kept.
const (
	seenList    = "memcache.list"
	seenStats   = "memcache.stats"
	seenCache   = "memcache.cache"
	seenCurves  = "memcache.curves"
	seenObjects = "memcache.objects"
)

// maxSeenObjects is how many objects' metadata are kept.
const maxSeenObjects = 50

// seenValue is a value and when it was seen, in Unix milliseconds.
type seenValue[T any] struct {
	At    int64 `json:"at"`
	Value T     `json:"value"`
}

// keep stores v; a browser that refuses is no error of ours.
func keep[T any](s seen, name string, at int64, v T) error {
	return s.guard(func() error { return s.storage.Set(name, seenValue[T]{At: at, Value: v}) })
}

// recall returns what was kept under name; At is 0 when there is nothing.
func recall[T any](s seen, name string) seenValue[T] {
	var v seenValue[T]
	if err := s.guard(func() error { return s.storage.Get(name, &v) }); err != nil {
		return seenValue[T]{}
	}
	return v
}

// guard turns the panic of a browser that forbids its storage into an error.
func (s seen) guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the browser's storage: %v", r)
		}
	}()
	if s.storage == nil {
		return fmt.Errorf("the browser's storage: none")
	}
	return f()
}

// keepObject adds o to the objects kept, in the place of the oldest.
func (s seen) keepObject(at int64, o api.Object) error {
	objects := recall[[]seenValue[api.Object]](s, seenObjects).Value
	kept := []seenValue[api.Object]{{At: at, Value: o}}
	for _, old := range objects {
		if old.Value.Key != o.Key && len(kept) < maxSeenObjects {
			kept = append(kept, old)
		}
	}
	return keep(s, seenObjects, at, kept)
}

// forgetObject removes the object kept under key.
func (s seen) forgetObject(at int64, key string) error {
	var kept []seenValue[api.Object]
	for _, o := range recall[[]seenValue[api.Object]](s, seenObjects).Value {
		if o.Value.Key != key {
			kept = append(kept, o)
		}
	}
	return keep(s, seenObjects, at, kept)
}

// forgetAll removes every part; what the reader has chosen (prefQuiet, seenInstall) stays.
func (s seen) forgetAll() {
	for _, name := range []string{seenList, seenStats, seenCache, seenCurves, seenObjects, seenKeys, seenWho, seenNewPassword} {
		s.guard(func() error { s.storage.Del(name); return nil })
	}
}

// object returns the object kept under key, if any: itself or from the list.
func (s seen) object(key string) seenValue[api.Object] {
	for _, o := range recall[[]seenValue[api.Object]](s, seenObjects).Value {
		if o.Value.Key == key {
			return o
		}
	}
	list := recall[api.List](s, seenList)
	for _, o := range list.Value.Objects {
		if o.Key == key {
			return seenValue[api.Object]{At: list.At, Value: o}
		}
	}
	return seenValue[api.Object]{}
}
