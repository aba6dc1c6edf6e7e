package api

// StatsQuery asks for samples of the last Seconds; 0 is DefaultWindow. With a Node, of
// that one alone: what is added a second is of all.
type StatsQuery struct {
	Seconds int    `json:"seconds,omitempty"`
	Node    string `json:"node,omitempty"` // its address; "" for all
}

// DefaultWindow is the length of the statistics shown first, in seconds.
const DefaultWindow = 600

// Stats are the recorded samples of a window, oldest first.
type Stats struct {
	Now     int64    `json:"now"`     // the server's time
	Seconds int      `json:"seconds"` // the window's length
	Samples []Sample `json:"samples"` // recorded every few seconds
	Marks   []Mark   `json:"marks"`   // what happened in the window, oldest first
	Total   Summary  `json:"total"`   // over the window
}

// Sample is what the cache did from the sample before to Time, and what it
// then held. The counters are of that interval alone, never since the start.
type Sample struct {
	Time      int64   `json:"t"`
	Seconds   float64 `json:"s"`        // length of the interval, by a monotonic clock; 0 when no cache node answered, and nothing of it is known
	Items     int64   `json:"items"`    // at Time
	Bytes     int64   `json:"bytes"`    // at Time
	Capacity  int64   `json:"capacity"` // bytes, at Time; 0 where it was not recorded
	Requests  int64   `json:"requests"`
	Hits      int64   `json:"hits"`
	Misses    int64   `json:"misses"`
	Evictions int64   `json:"evictions"`
	Reads     Reads   `json:"reads,omitzero"`
}

// Reads is what the backends read for their clients in an interval, whether or not
// there was a cache to ask.
type Reads struct {
	Seconds     float64 `json:"s"`               // length of the interval
	MemoryBytes int64   `json:"memoryBytes"`     // sent to clients from the cache
	DiskBytes   int64   `json:"diskBytes"`       // sent to clients from the blob store
	Hits        Times   `json:"hits,omitzero"`   // how long it took to have an object that was in the cache
	Misses      Times   `json:"misses,omitzero"` // one that was not, or for which another reader's fill was waited for
}

// Add adds the counters of x: those that happen in an interval. It leaves the
// intervals alone.
func (s *Sample) Add(x Sample) {
	s.Requests += x.Requests
	s.Hits += x.Hits
	s.Misses += x.Misses
	s.Evictions += x.Evictions
	s.Reads.Add(x.Reads)
}

// Add adds the counters of x; it leaves Seconds alone.
func (r *Reads) Add(x Reads) {
	r.MemoryBytes += x.MemoryBytes
	r.DiskBytes += x.DiskBytes
	r.Hits.Add(x.Hits)
	r.Misses.Add(x.Misses)
}

// Subtract takes the counters of x away again; it leaves Seconds alone.
func (r *Reads) Subtract(x Reads) {
	r.MemoryBytes -= x.MemoryBytes
	r.DiskBytes -= x.DiskBytes
	for i := range x.Hits {
		r.Hits[i] -= x.Hits[i]
		r.Misses[i] -= x.Misses[i]
	}
}

// Join makes s, which came before x, the sample of both intervals.
func (s *Sample) Join(x Sample) {
	s.Time = x.Time
	if x.Seconds > 0 || s.Seconds == 0 {
		s.Items, s.Bytes, s.Capacity = x.Items, x.Bytes, x.Capacity
	}
	s.Seconds += x.Seconds
	s.Reads.Seconds += x.Reads.Seconds
	s.Add(x)
}

// Beside makes s, the sample of some nodes, that of some others too, at the same time.
func (s *Sample) Beside(x Sample) {
	s.Seconds = max(s.Seconds, x.Seconds)
	s.Reads.Seconds = max(s.Reads.Seconds, x.Reads.Seconds)
	s.Items += x.Items
	s.Bytes += x.Bytes
	s.Capacity += x.Capacity
	s.Add(x)
}

// Tick is one second of statistics.
type Tick struct {
	Sample Sample `json:"sample"`
	Up     bool   `json:"up"`              // false when no cache node answered; Sample has then its time and Reads alone
	Marks  []Mark `json:"marks,omitempty"` // what happened in it
}

// Mark is something that happened to the cache and that its numbers may show.
type Mark struct {
	Time int64  `json:"t"`
	Kind string `json:"kind"`           // of Mark…
	Node string `json:"node,omitempty"` // of MarkStart
	Was  string `json:"was,omitempty"`  // of the others, before and from then on: bytes, or a policy's name
	Now  string `json:"now,omitempty"`
}

// The kinds of marks.
const (
	MarkCapacity = "capacity" // was changed
	MarkPolicy   = "policy"   // was changed
	MarkStart    = "start"    // a cache process began, with nothing in it
)

// Summary adds samples up.
type Summary struct {
	Requests    int64       `json:"requests"`
	Hits        int64       `json:"hits"`
	Misses      int64       `json:"misses"`
	Evictions   int64       `json:"evictions"`
	HitRate     float64     `json:"hitRate"`  // hits of requests; 0 without requests
	MissRate    float64     `json:"missRate"` // misses of requests; 0 without requests
	MemoryBytes int64       `json:"memoryBytes"`
	DiskBytes   int64       `json:"diskBytes"`
	HitTimes    Percentiles `json:"hitTimes"`
	MissTimes   Percentiles `json:"missTimes"`
}

// Summarize adds samples up.
func Summarize(samples []Sample) Summary {
	var all Sample
	for i := range samples {
		all.Add(samples[i])
	}
	s := Summary{
		Requests: all.Requests, Hits: all.Hits, Misses: all.Misses, Evictions: all.Evictions,
		MemoryBytes: all.Reads.MemoryBytes, DiskBytes: all.Reads.DiskBytes,
		HitTimes: all.Reads.Hits.Percentiles(), MissTimes: all.Reads.Misses.Percentiles(),
	}
	if s.Requests > 0 {
		s.HitRate = float64(s.Hits) / float64(s.Requests)
		s.MissRate = float64(s.Misses) / float64(s.Requests)
	}
	return s
}
