package ui

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"
	"time"

	"memcache/frontend-wasm/outbox"
	"memcache/shared/api"
)

// newToken returns what names an attempt: see outbox.Item.
func newToken() string { return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) }

// problem says why u cannot be sent under its key, or "".
func (q *queue) problem(u *upload) string {
	if err := api.CheckKey(u.Key); err != nil {
		return failure(err)
	}
	if u.Kind != outbox.Upload {
		return ""
	}
	if q.taken == nil {
		q.taken = make(map[string]int, len(q.items))
		for _, other := range q.items {
			if _, there := q.taken[other.Key]; !there && other.State != uploadStored && other.Kind == outbox.Upload {
				q.taken[other.Key] = other.ID
			}
		}
	}
	if first, there := q.taken[u.Key]; there && first != u.ID && first < u.ID {
		return t("another file in this list goes to the same key: change one of them")
	}
	return ""
}

// setKey changes where u goes.
func (q *queue) setKey(u *upload, key string) { u.Key, q.taken = key, nil }

// setPrefix puts prefix before the keys of all files that can still be changed,
// in the place of the one before.
func (q *queue) setPrefix(prefix string) {
	for _, u := range q.items {
		if u.editable() {
			u.Key = prefix + strings.TrimPrefix(u.Key, q.prefix)
		}
	}
	q.prefix, q.taken = prefix, nil
}

// remedy is what the user does about conflicts.
type remedy string

const (
	remedyReplace remedy = "replace" // whatever is there goes
	remedyBoth    remedy = "both"    // uploads alone: another key
	remedySkip    remedy = "skip"
)

// resolve does so with u, which is then to be sent, or gone.
func (q *queue) resolve(u *upload, c remedy) {
	if u.State != uploadConflict {
		return
	}
	u.Err, q.taken = "", nil
	switch c {
	case remedyReplace:
		u.IfMatch, u.IfNew = "", false
		u.State = uploadWaiting
	case remedyBoth:
		u.Both, u.Replace, u.IfMatch, u.IfNew = true, false, "", true
		u.Key = q.freeKey(u.Key)
		u.State = uploadWaiting
	case remedySkip:
		q.drop(func(other *upload) bool { return other == u })
	}
}

// freeKey returns the next key after key that no file in the queue goes to:
// "a.txt", "a (2).txt", "a (3).txt".
func (q *queue) freeKey(key string) string {
	taken := make(map[string]bool, len(q.items))
	for _, u := range q.items {
		taken[u.Key] = true
	}
	for taken[key] {
		key = nextKey(key)
	}
	return key
}

// nextKey counts on at the end of a key's name.
func nextKey(key string) string {
	end := path.Ext(key)
	name := strings.TrimSuffix(key, end)
	if name == "" || strings.HasSuffix(name, "/") { // ".profile"
		name, end = key, ""
	}
	n := 1
	if open := strings.LastIndex(name, " ("); open >= 0 && strings.HasSuffix(name, ")") {
		if counted, err := strconv.Atoi(name[open+2 : len(name)-1]); err == nil && counted > 0 {
			name, n = name[:open], counted
		}
	}
	return fmt.Sprintf("%s (%d)%s", name, n+1, end)
}

// conflicts are the uploads about which the user has to decide.
func (q *queue) conflicts() []*upload {
	var all []*upload
	for _, u := range q.items {
		if u.State == uploadConflict && u.Kind == outbox.Upload {
			all = append(all, u)
		}
	}
	return all
}

// speed is how fast a file goes out.
type speed struct {
	begun, at float64 // milliseconds; 0 before the first note
	sent      int64
	rate      float64 // bytes a millisecond
}

// settle is how long the past counts, in milliseconds.
const settle = 3000

// note takes how much was sent by then.
func (s *speed) note(sent int64, at float64) {
	const least = 200
	took := at - s.at
	switch {
	case s.begun == 0:
		s.begun, s.at, s.sent = at, at, sent
	case took < least:
	default:
		now := float64(sent-s.sent) / took
		weight := min(1, took/settle)
		if s.rate == 0 {
			weight = 1
		}
		s.rate += (now - s.rate) * weight
		s.at, s.sent = at, sent
	}
}

// left is how many seconds the rest will take; 0 when that is not known.
func (s *speed) left(rest int64) int {
	if s.rate <= 0 || rest <= 0 {
		return 0
	}
	return int(float64(rest)/s.rate/1000) + 1
}

// pastedName is what the n-th pasted file is called: pictures from the clipboard
// are all called image.png.
func pastedName(name string, n int, at time.Time) string {
	if base, end, _ := strings.Cut(name, "."); base == "image" {
		name = at.Format("pasted 2006-01-02 15.04.05")
		if n > 0 {
			name = fmt.Sprintf("%s (%d)", name, n+1)
		}
		return name + "." + end
	}
	return name
}
