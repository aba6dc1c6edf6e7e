package storage

import (
	"sync"
	"time"
)

// overdue are the cache keys whose fill was waited for in vain. Who had the right
// to it may be gone, or have got the cache's answer too late: nobody can fill the
// key before that right has ended, and one reader who waits for it is enough.
type overdue struct {
	mu    sync.Mutex
	until map[string]time.Time
}

const (
	overdueFor = 10 * time.Second // as long as that right lasts in the cache
	maxOverdue = 1024             // keys
)

func (o *overdue) add(cacheKey string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.until == nil || len(o.until) >= maxOverdue {
		o.until = map[string]time.Time{}
	}
	o.until[cacheKey] = time.Now().Add(overdueFor)
}

func (o *overdue) has(cacheKey string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	until, is := o.until[cacheKey]
	if is && time.Now().After(until) {
		delete(o.until, cacheKey)
		return false
	}
	return is
}
