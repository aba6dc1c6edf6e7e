package tap

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"strconv"
	"time"

	"memcache/cache/mrc"
)

// Bounds of a recording, in bytes as it is kept.
const (
	MinRecording = 1 << 20
	MaxRecording = 256 << 20
)

// Errors of recordings. The text is for people.
var (
	ErrRecording   = errors.New("a recording is under way: stop it first")
	ErrNoRecording = errors.New("there is no recording: start one first")
)

// Recording is what is known of a recording.
type Recording struct {
	Running bool
	Started time.Time
	Seconds int64 // how long it ran
	Events  int64
	Lost    int64 // events that the recorder had no time for
	Bytes   int64 // as it is kept, compressed
	Limit   int64 // bytes at which it ends by itself
	file    *os.File
}

// recorder writes events as compressed CSV to a file that has no name: it is gone
// with the process.
type recorder struct {
	Recording
	seed  maphash.Seed
	zip   *gzip.Writer
	out   *bufio.Writer
	lines []byte        // that are not compressed yet
	began time.Duration // the first event
	ends  time.Duration // after it
}

const (
	maxLines = 32 << 10 // bytes of lines
	// inFlight is what may still be on its way to the file when it is looked at.
	inFlight = 256 << 10
)

// StartRecording begins a recording that ends after so many bytes or so long. The
// one before it is gone then.
func (t *Tap) StartRecording(limit int64, length time.Duration) error {
	if limit < MinRecording || limit > MaxRecording {
		return fmt.Errorf("a recording of %d bytes is not possible: give %d to %d", limit, MinRecording, MaxRecording)
	}
	if length < time.Second || length > 24*time.Hour {
		return fmt.Errorf("a recording of %v is not possible: give 1 second to 24 hours", length)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.recorder != nil {
		return ErrRecording
	}
	t.forget()
	f, err := os.CreateTemp("", "memcache-recording-")
	if err != nil {
		return fmt.Errorf("make a file for the recording: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	r := &recorder{
		Recording: Recording{Running: true, Started: time.Now(), Limit: limit, file: f},
		seed:      maphash.MakeSeed(), ends: length, began: -1,
	}
	r.out = bufio.NewWriterSize(counting{r}, 64<<10)
	r.zip = gzip.NewWriter(r.out)
	r.lines = append(r.lines, "time,key,size,op\n"...)
	t.recorder = r
	t.setGate()
	return nil
}

// counting counts the bytes of the file.
type counting struct{ r *recorder }

func (c counting) Write(b []byte) (int, error) {
	n, err := c.r.file.Write(b)
	c.r.Bytes += int64(n)
	return n, err
}

// names are the operations as traces have them; a touch and a flush are none.
var names = [...]string{mrc.Hit: "hit", mrc.Miss: "miss", mrc.Set: "set", mrc.Delete: "delete", mrc.Touch: "", mrc.Flush: ""}

func (t *Tap) record(e mrc.Event, now time.Duration) {
	r := t.recorder
	if r.began < 0 {
		r.began = now
	}
	if now-r.began >= r.ends || r.Bytes >= r.Limit-inFlight {
		_ = t.stop() // what could not be written is missing at its end
		return
	}
	if names[e.Op] == "" {
		return
	}
	r.Events++
	r.Seconds = int64((now - r.began).Seconds())
	r.lines = strconv.AppendFloat(r.lines, (now - r.began).Seconds(), 'f', 3, 64)
	r.lines = fmt.Appendf(r.lines, ",%016x,", r.name(e.Hash))
	if e.Op == mrc.Hit || e.Op == mrc.Set {
		r.lines = strconv.AppendUint(r.lines, uint64(e.Size), 10)
	}
	r.lines = append(append(append(r.lines, ','), names[e.Op]...), '\n')
	if len(r.lines) > maxLines {
		if _, err := r.zip.Write(r.lines); err != nil {
			_ = t.stop()
			return
		}
		r.lines = r.lines[:0]
	}
}

// name is what stands for a key: it tells nothing of it, and is another in each
// recording.
func (r *recorder) name(hash uint64) uint64 { return maphash.Comparable(r.seed, hash) }

// StopRecording ends the recording. It may be read then.
func (t *Tap) StopRecording() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.recorder == nil {
		return ErrNoRecording
	}
	return t.stop()
}

// stop ends the recording that there is. What could not be written is missing at
// its end.
func (t *Tap) stop() error {
	r := t.recorder
	_, err := r.zip.Write(r.lines)
	err = errors.Join(err, r.zip.Close(), r.out.Flush())
	r.Running = false
	t.recorder, t.last = nil, &r.Recording
	t.setGate()
	return err
}

// forget frees the recording that there is.
func (t *Tap) forget() {
	if t.last != nil {
		_ = t.last.file.Close() // it has no name: nothing is left to fail
		t.last = nil
	}
}

// Recording tells of the recording under way, or else of the last one.
func (t *Tap) Recording() (r Recording, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.recorder != nil:
		return t.recorder.Recording, true
	case t.last != nil:
		return *t.last, true
	}
	return r, false
}

// ReadRecording reads from a recording that has ended, as io.ReaderAt does.
func (t *Tap) ReadRecording(b []byte, at int64) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.recorder != nil:
		return 0, ErrRecording
	case t.last == nil:
		return 0, ErrNoRecording
	}
	n, err := t.last.file.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
