package api

// CacheKeys is what the cache knows of single objects at a moment: those that stand
// out, and those that went last.
type CacheKeys struct {
	Top       TopKeys   `json:"top"`
	Evictions Evictions `json:"evictions"`
}

// TopKeys are the objects that take the most memory, and those that were asked for
// most often, over all cache nodes, the first ones first.
type TopKeys struct {
	Since   int64    `json:"since"` // from when on hits are counted: half an hour to an hour back, or the node's start; 0 when there was none
	Largest []TopKey `json:"largest"`
	Hottest []TopKey `json:"hottest"`
	Without []string `json:"without"` // the nodes that cannot tell: a plain memcached, or one that is not up
}

// MaxTopKeys is how long the lists of TopKeys are.
const MaxTopKeys = 20

// TopKey is an object in the cache.
type TopKey struct {
	Key   string `json:"key"`
	Size  int64  `json:"size"`           // bytes of the object
	Bytes int64  `json:"bytes"`          // what it takes in memory
	Hits  int64  `json:"hits,omitempty"` // an estimate when there are many
	Since int64  `json:"since"`          // when it came in
	Idle  int64  `json:"idle"`           // seconds since it was last read, or came in
}

// Evictions are objects that were let go to make room, the newest first; of one second
// and node, the first 64.
type Evictions struct {
	Evictions []Eviction `json:"evictions"`
	Without   []string   `json:"without"` // as in TopKeys
}

// MaxEvictions is how many evictions are told of.
const MaxEvictions = 50

// Eviction is an object that the cache let go. It is still stored, unless it was
// deleted since.
type Eviction struct {
	Time int64  `json:"t"`
	Key  string `json:"key"`
	Size int64  `json:"size"` // bytes of the object
	Age  int64  `json:"age"`  // seconds in the cache
	Idle int64  `json:"idle"` // seconds since it was last read, or came in
	Read bool   `json:"read"` // it was read since it came in
	Why  string `json:"why"`  // of Why…
}

// Why an object was evicted.
const (
	WhyRoom   = "room"   // another one came in
	WhyShrink = "shrink" // the capacity was made smaller
)
