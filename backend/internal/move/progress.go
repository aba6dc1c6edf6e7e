package move

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"memcache/shared/api"
)

// Progress is how far a pass has come. The zero value is good for one pass.
type Progress struct {
	blobs, bytes, objects atomic.Int64 // in all
	began                 atomic.Int64 // when the blobs or the rows were begun, in Unix nanoseconds

	done, doneBytes              atomic.Int64 // blobs that were dealt with
	copied, copiedBytes, skipped atomic.Int64 // of them
	moved                        atomic.Int64 // bytes read, which tell the rate
	rows                         atomic.Int64 // of objects
}

func (p *Progress) beginBlobs(blobs, bytes int64) {
	for _, n := range []*atomic.Int64{&p.objects, &p.done, &p.doneBytes, &p.skipped, &p.moved, &p.rows} {
		n.Store(0)
	}
	p.blobs.Store(blobs)
	p.bytes.Store(bytes)
	p.began.Store(time.Now().UnixNano())
}

func (p *Progress) beginRows(objects int64) {
	p.rows.Store(0)
	p.objects.Store(max(objects, 1))
	p.began.Store(time.Now().UnixNano())
}

// skip counts a blob that is there.
func (p *Progress) skip(size int64) {
	p.done.Add(1)
	p.skipped.Add(1)
	p.doneBytes.Add(size)
}

// step is the copying of one blob.
type step struct {
	p         *Progress
	size, got int64
	succeeded bool
}

func (p *Progress) begin(size int64) *step { return &step{p: p, size: size} }

// read counts bytes that have come in.
func (s *step) read(n int64) {
	if s != nil {
		s.got += n
		s.p.doneBytes.Add(n)
		s.p.moved.Add(n)
	}
}

func (s *step) succeed() { s.succeeded = true }

// end counts the blob as dealt with, however much of it was read.
func (s *step) end() {
	s.p.done.Add(1)
	s.p.doneBytes.Add(s.size - s.got)
	if s.succeeded {
		s.p.copied.Add(1)
		s.p.copiedBytes.Add(s.size)
	}
}

// Line tells it in a line, with a bar of so many characters if that is not 0.
func (p *Progress) Line(now time.Time, bar int) string {
	spent := now.Sub(time.Unix(0, p.began.Load()))
	if objects := p.objects.Load(); objects > 0 {
		share := fraction(p.rows.Load(), objects)
		return fmt.Sprintf("%s%3.0f %%  %d of %d objects%s", barOf(share, bar), 100*share, p.rows.Load(), objects, left(spent, share, 0))
	}
	blobs, bytes := p.blobs.Load(), p.bytes.Load()
	if blobs == 0 {
		return "looking for what is to be copied"
	}
	byBlobs, byBytes := fraction(p.done.Load(), blobs), fraction(p.doneBytes.Load(), bytes)
	share := min(byBlobs, byBytes)
	skipped := fraction(p.skipped.Load(), blobs)
	rate := ""
	if seconds := spent.Seconds(); seconds > 0 {
		rate = fmt.Sprintf(", %s/s", api.FormatBytes(int64(float64(p.moved.Load())/seconds)))
	}
	return fmt.Sprintf("%s%3.0f %%  %s of %s, %d of %d blobs%s%s", barOf(share, bar), 100*share,
		api.FormatBytes(p.doneBytes.Load()), api.FormatBytes(bytes), p.done.Load(), blobs, rate, left(spent, share, skipped))
}

// fraction is how much of all is done; what is copied may grow meanwhile.
func fraction(done, all int64) float64 {
	if all <= 0 {
		return 1
	}
	return min(1, float64(done)/float64(all))
}

// left is how long the rest takes, if it goes on as in the time spent, in which
// nothing was spent on what had been skipped.
func left(spent time.Duration, share, skipped float64) string {
	worked := share - skipped
	if worked <= 0 || spent < time.Second || share >= 1 {
		return ""
	}
	rest := time.Duration(float64(spent) * (1 - share) / worked)
	switch {
	case rest < time.Minute:
		return fmt.Sprintf(", %.0f s left", max(1, rest.Seconds()))
	case rest < time.Hour:
		return fmt.Sprintf(", %.0f min left", rest.Minutes())
	}
	return fmt.Sprintf(", %d h %02d min left", int(rest.Hours()), int(rest.Minutes())%60)
}

func barOf(share float64, width int) string {
	if width == 0 {
		return ""
	}
	full := int(share * float64(width))
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "] "
}

const (
	barWidth     = 20
	terminalTick = 200 * time.Millisecond
	plainTick    = 10 * time.Second
)

// Show tells the progress until the function that it returns is called: on a terminal
// as a bar, in lines of so many characters, elsewhere (0) as a line now and then.
func (p *Progress) Show(w io.Writer, terminal int) (stop func()) {
	every, show := plainTick, func() { _, _ = fmt.Fprintln(w, p.Line(time.Now(), 0)) }
	end := func() {}
	if terminal > 0 {
		every = terminalTick
		show = func() {
			line := []rune(p.Line(time.Now(), barWidth))
			_, _ = fmt.Fprintf(w, "\r%s\x1b[K", string(line[:min(len(line), terminal-1)]))
		}
		end = func() { // what comes next has the line to itself
			_, _ = io.WriteString(w, "\r\x1b[K")
		}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show()
			case <-done:
				end()
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
