package move

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLine: what is told of a copy at some moments of it.
func TestLine(t *testing.T) {
	const mb = 1 << 20
	synctest.Test(t, func(t *testing.T) {
		p := &Progress{}
		tell := func(after time.Duration, bar int, want string) {
			t.Helper()
			time.Sleep(after)
			if got := p.Line(time.Now(), bar); got != want {
				t.Errorf("it says\n%s, want\n%s", got, want)
			}
		}
		tell(0, 10, "looking for what is to be copied")
		p.beginBlobs(10, 100*mb)
		tell(0, 0, "  0 %  0 B of 100.0 MB, 0 of 10 blobs")
		for range 2 {
			p.skip(10 * mb)
		}
		tell(time.Second, 10, "[##--------]  20 %  20.0 MB of 100.0 MB, 2 of 10 blobs, 0 B/s")
		s := p.begin(10 * mb)
		s.read(5 * mb)
		tell(time.Second, 0, " 20 %  25.0 MB of 100.0 MB, 2 of 10 blobs, 2.5 MB/s")
		s.read(5 * mb)
		s.succeed()
		s.end()
		tell(0, 10, "[###-------]  30 %  30.0 MB of 100.0 MB, 3 of 10 blobs, 5.0 MB/s, 14 s left")
		tell(18*time.Second, 0, " 30 %  30.0 MB of 100.0 MB, 3 of 10 blobs, 512.0 KB/s, 2 min left")
		tell(time.Hour, 0, " 30 %  30.0 MB of 100.0 MB, 3 of 10 blobs, 2.8 KB/s, 7 h 02 min left")
		failed := p.begin(10 * mb)
		failed.read(mb)
		failed.end()
		if done, copied := p.doneBytes.Load(), p.copied.Load(); done != 40*mb || copied != 1 {
			t.Errorf("after a failure, %d bytes are done, and %d blobs copied", done, copied)
		}
		p.beginRows(1000)
		p.rows.Add(500)
		tell(2*time.Second, 10, "[#####-----]  50 %  500 of 1000 objects, 2 s left")
		p.rows.Add(700) // some were added meanwhile
		tell(0, 10, "[##########] 100 %  1200 of 1000 objects")
		p.beginBlobs(2, 0)
		tell(0, 0, "  0 %  0 B of 0 B, 0 of 2 blobs")
	})
}

// screen is what a terminal gets.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// TestShow: a terminal has one line, which is gone at the end, and a pipe a line now
// and then.
func TestShow(t *testing.T) {
	for width, want := range map[int]string{
		0:  "looking for what is to be copied\nlooking for what is to be copied\n",
		12: strings.Repeat("\rlooking for\x1b[K", 101) + "\r\x1b[K",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &screen{}
			stop := (&Progress{}).Show(w, width)
			time.Sleep(2*plainTick + terminalTick*3/2)
			stop()
			if got := w.text.String(); got != want {
				t.Errorf("in %d columns it shows %q", width, got)
			}
		})
	}
}
