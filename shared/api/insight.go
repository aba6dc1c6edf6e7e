package api

// Insight is what the hit rates of the cache would be with other capacities and
// policies, judged from its traffic, of each node that can tell.
type Insight struct {
	Time    int64        `json:"time"` // when it was so
	Nodes   []NodeCurves `json:"nodes"`
	Promise *Promise     `json:"promise,omitempty"` // of the last change of the settings; not in those that are kept
}

// CacheSettings are how the cache is set.
type CacheSettings struct {
	Capacity int64  `json:"capacity"` // bytes
	Policy   string `json:"policy"`
}

// Promise is what the curves foretold when the settings were changed, and what then
// happened. Hit rates are of objects.
type Promise struct {
	Time   int64         `json:"time"` // of the change
	From   CacheSettings `json:"from"`
	To     CacheSettings `json:"to"`
	Known  bool          `json:"known"`  // there was enough traffic to foretell something; else these three are 0
	Before float64       `json:"before"` // as it was measured, with From
	Rate   float64       `json:"rate"`   // as it was foretold, with To
	Band   float64       `json:"band"`   // how far from the truth Rate is at most, in nine cases of ten

	WarmUp   int64 `json:"warmUp"`   // requests after the change that do not count, while the cache takes on its new content
	Passed   int64 `json:"passed"`   // requests since the change
	Requests int64 `json:"requests"` // since the warm-up, for an hour at most
	Hits     int64 `json:"hits"`     // likewise
	Ended    bool  `json:"ended"`    // the hour is over
}

// NodeCurves are the curves of a cache node.
type NodeCurves struct {
	Name     string        `json:"name"`     // its address
	Capacity int64         `json:"capacity"` // bytes: the present one
	Exact    bool          `json:"exact"`    // every key was looked at all the time; else a sample of them was
	Rate     float64       `json:"rate"`     // at which keys with small values are sampled; 1 is all
	Keys     int           `json:"keys"`     // in the sample
	Lost     int64         `json:"lost"`     // events that were not looked at since the start, for want of time
	Windows  []CurveWindow `json:"windows"`  // five minutes, then an hour
}

// CurveWindow are the curves of the last Seconds.
type CurveWindow struct {
	Seconds  int     `json:"seconds"`
	Covered  int     `json:"covered"` // seconds that it is of: fewer while it is young; it begins anew with another capacity
	Requests int64   `json:"requests"`
	Hits     int64   `json:"hits"`     // as they were, to compare with the curve of the present policy
	Bytes    int64   `json:"bytes"`    // that were asked for; those that were missed are estimated where keys are sampled
	HitBytes int64   `json:"hitBytes"` // as they were
	Curves   []Curve `json:"curves"`
}

// Curve is the curve of a policy.
type Curve struct {
	Policy string       `json:"policy"`
	Points []CurvePoint `json:"points"` // by capacity
}

// CurvePoint is what a cache of a capacity would have missed, as parts from 0 to 1.
type CurvePoint struct {
	Capacity    int64   `json:"capacity"` // bytes
	Objects     float64 `json:"objects"`
	Bytes       float64 `json:"bytes"`
	ObjectsBand float64 `json:"objectsBand"` // how far from the truth Objects is at most, in nine cases of ten
	BytesBand   float64 `json:"bytesBand"`
}

// Insights are those that were kept, one an hour, oldest first.
type Insights struct {
	Insights []Insight `json:"insights"`
}

// MaxInsightHours is how far back insights are kept.
const MaxInsightHours = 30 * 24

// RecordingStart begins a recording of the traffic, which ends by itself.
type RecordingStart struct {
	MaxBytes int64 `json:"maxBytes,omitempty"` // as it is kept, whole MB; 0 is DefaultRecordingBytes
	Seconds  int   `json:"seconds,omitempty"`  // 0 is DefaultRecordingSeconds
}

// Defaults of a RecordingStart.
const (
	DefaultRecordingBytes   = 16 * MB
	DefaultRecordingSeconds = 3600
)

// Recording is the recording under way, or the last one. It is CSV with the columns
// time,key,size,op, compressed with gzip; a key is a number that tells nothing of it.
type Recording struct {
	State    string `json:"state"`              // none, running or done
	Started  int64  `json:"started,omitempty"`  // time
	Seconds  int64  `json:"seconds,omitempty"`  // how long it ran
	Events   int64  `json:"events,omitempty"`   // lines
	Lost     int64  `json:"lost,omitempty"`     // events that there was no time for
	Bytes    int64  `json:"bytes,omitempty"`    // of the file
	MaxBytes int64  `json:"maxBytes,omitempty"` // at which it ends
}

// The states of a Recording.
const (
	RecordingNone    = "none"
	RecordingRunning = "running"
	RecordingDone    = "done"
)
