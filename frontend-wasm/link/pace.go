package link

import (
	"time"

	"memcache/shared/api"
)

// pace is how far an upload may run ahead of what the server has taken. The
// browser takes everything at once and sends it in order, so whatever an upload
// is ahead delays every call made meanwhile: on a slow line a full window would
// do so for many seconds. A fast line needs much of it to be kept busy.
type pace struct {
	ahead int64  // bytes
	marks []mark // the chunks under way
}

// mark is when the chunk that ends at end was sent.
type mark struct {
	end  int64
	sent time.Time
}

const (
	firstAhead = 2 * api.ChunkBytes
	mostAhead  = 8 * api.ChunkBytes
	fastTaken  = 300 * time.Millisecond // a chunk taken sooner: try to run further ahead
	slowTaken  = time.Second            // one taken later: run less far ahead
)

func newPace() *pace { return &pace{ahead: firstAhead} }

// allows tells whether the bytes up to end may be sent now. One chunk may always
// be under way.
func (p *pace) allows(end, taken int64) bool {
	return end-taken <= max(p.ahead, api.ChunkBytes)
}

func (p *pace) sent(end int64, now time.Time) { p.marks = append(p.marks, mark{end, now}) }

// taken learns from the chunks that the server has taken by now.
func (p *pace) taken(offset int64, now time.Time) {
	for len(p.marks) > 0 && p.marks[0].end <= offset {
		switch took := now.Sub(p.marks[0].sent); {
		case took < fastTaken:
			p.ahead = min(2*p.ahead, mostAhead)
		case took > slowTaken:
			p.ahead = max(p.ahead/2, api.ChunkBytes)
		}
		p.marks = p.marks[1:]
	}
}
