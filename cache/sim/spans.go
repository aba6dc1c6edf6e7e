package sim

// Span is a part of a trace.
type Span struct {
	End  int   // the place after its last request
	Time int64 // when it ends, in milliseconds since the first request; 0 where spans are not by time
}

// Spans divides a trace into at most n spans: of equal time, as far as its times
// tell it, else of equally many requests. Those of equal time may be empty.
func Spans(requests []Request, n int) (spans []Span, byTime bool) {
	n = min(n, len(requests))
	if start, length, ok := duration(requests); ok {
		spans = make([]Span, n)
		at := 0
		for i := range spans {
			until := length/int64(n)*int64(i+1) + length%int64(n)*int64(i+1)/int64(n)
			for at < len(requests) && (i == n-1 || requests[at].Time-start <= until) {
				at++
			}
			spans[i] = Span{at, until}
		}
		return spans, true
	}
	for i := range n {
		spans = append(spans, Span{End: len(requests) * (i + 1) / n})
	}
	return spans, false
}

// duration is when a trace begins and how long it is, if its times go forward.
func duration(requests []Request) (start, length int64, ok bool) {
	for i, r := range requests {
		if i > 0 && r.Time < requests[i-1].Time {
			return 0, 0, false
		}
	}
	if len(requests) == 0 {
		return 0, 0, false
	}
	start = requests[0].Time
	length = requests[len(requests)-1].Time - start
	return start, length, length > 0
}
