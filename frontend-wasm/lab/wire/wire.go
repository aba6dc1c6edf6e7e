// Package wire is what a page and the workers of its lab tell each other, as JSON: an
// [Ask] from the page, beside which the file of a trace may stand, and each time some
// of [Tell] from the worker.
package wire

// MaxRequests is the most requests of a trace in a browser: each worker keeps a copy.
const MaxRequests = 5_000_000

// Ask is what a page asks a worker for: one of its fields.
type Ask struct {
	Generate string `json:"generate,omitempty"` // a workload as text, see sim.ParseWorkload
	Read     bool   `json:"read,omitempty"`     // the trace in the file that comes along
	Run      *Run   `json:"run,omitempty"`
}

// Run is a cell to replay the trace over.
type Run struct {
	Policy   string `json:"policy"`
	Capacity int64  `json:"capacity"` // bytes
	Seed     uint64 `json:"seed"`
}

// Tell is what a worker tells: one of its fields.
type Tell struct {
	Ready  bool    `json:"ready,omitempty"`  // it has started
	Done   float64 `json:"done,omitempty"`   // the part, from 0 to 1, of what it is asked for
	Trace  *Trace  `json:"trace,omitempty"`  // it has read or made the trace
	Result *Result `json:"result,omitempty"` // it has replayed it
	Error  string  `json:"error,omitempty"`  // it could not do what it was asked for
	Dead   string  `json:"dead,omitempty"`   // it has ended, and why
}

// Trace is what is known of a trace.
type Trace struct {
	Requests int     `json:"requests"`
	Gets     int     `json:"gets"` // those that may hit; others put and delete
	Keys     int     `json:"keys"`
	Bytes    int64   `json:"bytes"`            // of all its objects: the working set
	Millis   int64   `json:"millis,omitempty"` // from its first request to its last; 0 where its times tell nothing
	Ends     []Span  `json:"ends"`             // of the spans of results
	First    []Row   `json:"first,omitempty"`  // the first requests, as they were understood
	Header   string  `json:"header,omitempty"` // the line that names the columns
	Format   string  `json:"format,omitempty"` // how the file is compressed: gzip, zstd or ""
	SHA256   string  `json:"sha256,omitempty"` // of its text, uncompressed
	Lines    int     `json:"lines,omitempty"`
	Bad      []Line  `json:"bad,omitempty"` // the first lines that could not be read
	BadCount int     `json:"badCount,omitempty"`
	Seconds  float64 `json:"seconds"` // that it took to read or make
}

// Span is a part of a trace.
type Span struct {
	Request int   `json:"request"` // the place after its last one
	Millis  int64 `json:"millis"`  // when it ends; 0 where times tell nothing
}

// Row is a request.
type Row struct {
	Millis int64  `json:"millis"`
	Key    uint64 `json:"key,string"` // JSON's numbers are not exact so far
	Size   int64  `json:"size"`
	Op     string `json:"op"` // get, set or delete
}

// Line is one that could not be read.
type Line struct {
	Number int    `json:"number"`
	Text   string `json:"text"`
	Why    string `json:"why"`
}

// Result is what came out of a [Run].
type Result struct {
	Run
	Requests  int64   `json:"requests"`
	Hits      int64   `json:"hits"`
	Bytes     int64   `json:"bytes"` // of the objects asked for
	HitBytes  int64   `json:"hitBytes"`
	Evictions int64   `json:"evictions"`
	Spans     []Count `json:"spans"`   // what each span of the trace adds to it
	Seconds   float64 `json:"seconds"` // that it took
}

// Count is what was counted in a span.
type Count struct {
	Requests int64 `json:"r"`
	Hits     int64 `json:"h"`
}
