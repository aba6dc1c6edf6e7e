// Package api is what crosses the wire between the UI and the backend: the
// messages of the WebSocket and of the JSON API, the errors, the rules for keys
// and the paths that address an object.
//
// The WebSocket at [LivePath] carries JSON-RPC 2.0 in text messages and upload
// chunks in binary ones (see upload.go). The same types are the bodies of the
// HTTP API below [Base]. Times are Unix milliseconds in UTC, sizes are bytes,
// rates are fractions from 0 to 1.
//
// It imports only the standard library: it is compiled into the WebAssembly
// program too.
package api

// Where the backend answers.
const (
	Base     = "/api/v1"
	LivePath = "/ws"
)

// The methods of the WebSocket, with their parameters and results.
const (
	MethodList       = "objects.list"        // ListQuery → List
	MethodStarts     = "objects.starts"      // StartsQuery → Starts
	MethodStat       = "objects.stat"        // KeyParams → Object
	MethodDelete     = "objects.delete"      // KeyParams → Empty
	MethodDeleteMany = "objects.deleteAll"   // Keys → Deleted
	MethodRestore    = "objects.restore"     // Keys → Stored: undoes deletions
	MethodRename     = "objects.rename"      // Transfer → Object
	MethodCached     = "cache.key"           // KeyParams → Cached
	MethodCache      = "cache.get"           // Empty → Cache
	MethodConfigure  = "cache.configure"     // CacheChange → Cache
	MethodAddNode    = "cache.node.add"      // NodeParams → Cache
	MethodRemoveNode = "cache.node.remove"   // NodeParams → Cache
	MethodResizePool = "cache.pool.resize"   // PoolSize → Cache
	MethodClear      = "cache.clear"         // Empty → Empty
	MethodInvalidate = "cache.invalidate"    // KeyParams → Empty
	MethodSubscribe  = "stats.subscribe"     // StatsQuery → Stats, then one NoteStats a second
	MethodUnsub      = "stats.unsubscribe"   // Empty → Empty
	MethodInsight    = "insight.subscribe"   // Empty → Insight, then a NoteInsight every few seconds
	MethodNoInsight  = "insight.unsubscribe" // Empty → Empty
	MethodPilot      = "autopilot.get"       // Empty → Autopilot
	MethodSetPilot   = "autopilot.set"       // AutopilotSet → Autopilot
	MethodUndoPilot  = "autopilot.undo"      // AutopilotUndo → Autopilot
	MethodKeys       = "keys.subscribe"      // Empty → CacheKeys, then a NoteKeys every few seconds
	MethodNoKeys     = "keys.unsubscribe"    // Empty → Empty
	MethodPing       = "ping"                // Empty → Empty: the client's heartbeat
	MethodUpload     = "upload.start"        // UploadStart → UploadState, then NoteUpload as credit grows
	MethodFinish     = "upload.finish"       // UploadRef → Object, once it is stored for good
	MethodCancel     = "upload.cancel"       // UploadRef → Empty
)

// The notifications that the server sends.
const (
	NoteStats   = "stats"           // Tick
	NoteInsight = "insight"         // Insight
	NoteKeys    = "keys"            // CacheKeys
	NoteUpload  = "upload"          // UploadState
	NoteChanged = "objects.changed" // Changed: some object was stored or deleted
	NoteCache   = "cache.changed"   // Cache: the settings or the health of a node changed
	NotePilot   = "autopilot"       // Autopilot: it was set, or has changed something
)

// Empty is the parameters or the result of a method that has none.
type Empty struct{}

// KeyParams names one object.
type KeyParams struct {
	Key string `json:"key"`
}

// Object is what is known of a stored object without its bytes.
type Object struct {
	Key      string `json:"key"`
	Size     int64  `json:"size"`     // bytes
	Type     string `json:"type"`     // media type, found from the bytes
	ETag     string `json:"etag"`     // strong, with its quotes
	Created  int64  `json:"created"`  // when the key was first stored
	Modified int64  `json:"modified"` // when these bytes were stored
	Version  int64  `json:"version"`  // 1 for the first bytes of the key, then counting
}

// Transfer asks to copy or rename an object.
type Transfer struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Replace bool   `json:"replace,omitempty"` // also when there is an object at To
	IfMatch string `json:"ifMatch,omitempty"` // the ETag that the object at From must have
}

// Keys names objects to do something with.
type Keys struct {
	Keys []string `json:"keys"` // at most MaxListLimit
}

// Check reports why something cannot be done with so many objects, or nil.
func (k Keys) Check() error {
	if n := len(k.Keys); n == 0 || n > MaxListLimit {
		return Errorf(Invalid, "%d keys cannot be taken at once: name 1 to %d", n, MaxListLimit)
	}
	return nil
}

// UndoSeconds is for how long a deletion can be undone. The server takes an undo a
// little longer, for what is on its way.
const UndoSeconds = 10

// Archive is where objects can be fetched as one ZIP file, for a while.
type Archive struct {
	Path    string `json:"path"`    // a GET of it
	Expires int64  `json:"expires"` // until when
}

// Cached is what is known of an object in the cache.
type Cached struct {
	Cached bool  `json:"cached"`
	Since  int64 `json:"since,omitempty"` // when it came in; 0 where the node does not tell
	Idle   int64 `json:"idle,omitempty"`  // seconds since it was last read, or came in
	Read   bool  `json:"read,omitempty"`  // it was read since it came in
	Bytes  int64 `json:"bytes,omitempty"` // what it takes in memory
}

// Deleted is the answer to a deletion of several objects: how many objects are gone, and what went
// wrong with the others.
type Deleted struct {
	Deleted int         `json:"deleted"`
	Failed  []KeyFailed `json:"failed"`
}

// Stored is the answer to a form of files: the objects that are stored for good,
// and what went wrong with the others.
type Stored struct {
	Objects []Object    `json:"objects"`
	Failed  []KeyFailed `json:"failed"`
}

// KeyFailed is a key with which something went wrong.
type KeyFailed struct {
	Key   string `json:"key"`
	Error *Error `json:"error"`
}

// ListQuery asks for one page of keys. At most one of After, Before and From is
// given; without them it is the first page.
type ListQuery struct {
	Prefix string `json:"prefix,omitempty"` // only keys that begin with it, byte-exact
	Search string `json:"search,omitempty"` // only keys that contain it, taken literally, ASCII letters in either case
	Sort   string `json:"sort,omitempty"`   // one of Sorts; "" is SortNewest
	After  string `json:"after,omitempty"`  // the Next of the page before
	Before string `json:"before,omitempty"` // the Prev of the page after: the page that ends there
	From   string `json:"from,omitempty"`   // in the orders by key: the page that begins with the keys that begin with it, or beyond
	Limit  int    `json:"limit,omitempty"`  // 1 to MaxListLimit; 0 is DefaultListLimit
}

// The orders of a list. Keys in byte order break ties; in the orders that run
// backwards (key-desc, largest, type-desc) these too run backwards.
const (
	SortNewest   = "newest"
	SortOldest   = "oldest"
	SortKey      = "key"
	SortKeyDown  = "key-desc"
	SortLargest  = "largest"
	SortSmallest = "smallest"
	SortType     = "type"
	SortTypeDown = "type-desc"
)

// Sorts are the orders a list can have.
var Sorts = []string{SortNewest, SortOldest, SortKey, SortKeyDown, SortSmallest, SortLargest, SortType, SortTypeDown}

// Bounds of ListQuery.Limit.
const (
	DefaultListLimit = 100
	MaxListLimit     = 1000
)

// List is a page of keys.
type List struct {
	Objects []Object `json:"objects"`
	Next    string   `json:"next,omitempty"` // the After of the next page; "" on the last one
	Prev    string   `json:"prev,omitempty"` // the Before of the page before; "" on the first one
	Total   int64    `json:"total"`          // all that match; a lower bound unless Exact
	Exact   bool     `json:"exact"`
}

// StartsQuery asks for the places in the order by key that one may want to jump to.
type StartsQuery struct {
	Prefix string `json:"prefix,omitempty"` // only keys that begin with it, byte-exact
}

// Starts are what keys begin with: what all of them have in common, and one
// character more.
type Starts struct {
	Starts []string `json:"starts"` // in the order of their bytes, each the From of a ListQuery
	More   bool     `json:"more"`   // there are others after these MaxStarts
}

// MaxStarts is how many starts are told apart.
const MaxStarts = 100

// Changed tells that what a list shows may no longer be so.
type Changed struct {
	Key     string `json:"key,omitempty"` // "" when many changed
	Deleted bool   `json:"deleted,omitempty"`
}

// MB is the unit of capacities: 1,048,576 bytes.
const MB = 1 << 20

// Cache is how the cache is set and what is in it now.
type Cache struct {
	Capacity    int64    `json:"capacity"`    // bytes, as configured
	Policy      string   `json:"policy"`      // as configured
	Policies    []Policy `json:"policies"`    // what can be chosen
	MinCapacity int64    `json:"minCapacity"` // bytes
	MaxCapacity int64    `json:"maxCapacity"` // bytes: the memory of the machine
	Nodes       []Node   `json:"nodes"`
	MaxPool     int      `json:"maxPool,omitempty"` // how many cache processes can run beside the server; 0 when it does not run them
	Pool        int      `json:"pool,omitempty"`    // how many do
}

// Items is how many items are in all nodes.
func (c Cache) Items() (items int64) {
	for _, n := range c.Nodes {
		items += n.Items
	}
	return items
}

// Policy is a replacement policy that can be chosen.
type Policy struct {
	Name  string `json:"name"`  // "lru"
	Title string `json:"title"` // "LRU"
	About string `json:"about"` // one plain sentence
}

// Node is one cache process and its state at this moment.
type Node struct {
	Name     string   `json:"name"` // its address, without secrets
	Up       bool     `json:"up"`
	Error    string   `json:"error,omitempty"` // why it is not up
	Version  string   `json:"version,omitempty"`
	Features []string `json:"features,omitempty"` // of Feature…; a plain memcached has none
	Capacity int64    `json:"capacity"`           // bytes, as the node reports it
	Policy   string   `json:"policy,omitempty"`   // as the node reports it
	Items    int64    `json:"items"`
	Bytes    int64    `json:"bytes"`           // what the items occupy
	Share    float64  `json:"share"`           // the part of the keys that it has, 0 to 1
	Rate     float64  `json:"rate"`            // requests a second, in the last ten seconds or so
	State    string   `json:"state,omitempty"` // of Node…; "" when it is in use
}

// The states of a node that is not just in use.
const (
	NodeJoining = "joining" // it is being added
	NodeLeaving = "leaving" // it is being removed
	NodeShut    = "shut"    // nothing is read from it: a write did not reach it
)

// NodeParams names a cache node.
type NodeParams struct {
	Address string `json:"address"` // unix:/path or host:port
}

// PoolSize is how many cache processes run beside the server.
type PoolSize struct {
	Nodes int `json:"nodes"`
}

// FeaturePolicy is the feature of a node whose policy can be switched.
const FeaturePolicy = "policy"

// CacheChange changes what is not nil.
type CacheChange struct {
	Capacity *int64  `json:"capacity,omitempty"` // bytes, whole MB
	Policy   *string `json:"policy,omitempty"`   // a Policy's name
	Window   int     `json:"window,omitempty"`   // seconds: by which of the curves' windows it was decided, if so
}
