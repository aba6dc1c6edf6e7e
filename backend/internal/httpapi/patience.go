package httpapi

import (
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"time"

	"memcache/shared/api"
)

// patienceBytes is how much a client must send or take in each Config.Stall:
// 256 KiB, or else the rest of the body. Who is slower holds connections,
// files and memory for nothing.
const patienceBytes = 256 << 10

// patience is what is left for a client that sends a body. Only the time in
// which we wait for it counts, not the time that our disk takes.
type patience struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	left    time.Duration // to wait for the rest of the step
	missing int           // bytes of the step
}

func withPatience(body io.ReadCloser, control *http.ResponseController, stall time.Duration) *patience {
	_ = control.SetReadDeadline(time.Now().Add(stall)) // for net/http, which reads what no handler did
	return &patience{ReadCloser: body, control: control, stall: stall, left: stall, missing: patienceBytes}
}

func (b *patience) Read(p []byte) (int, error) {
	began := time.Now()
	_ = b.control.SetReadDeadline(began.Add(b.left)) // fails in tests without a connection alone
	n, err := b.ReadCloser.Read(p)
	b.left -= time.Since(began)
	if b.missing -= n; b.missing <= 0 {
		b.left, b.missing = b.stall, patienceBytes
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, api.Errorf(api.TooSlow, "the body came too slowly: send at least %s every %v", api.FormatBytes(patienceBytes), b.stall).Because(err)
	}
	if err != nil { // at the end of the body net/http looks out for the client's next words, however late
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// await gives the client time to take the next patienceBytes of the reply.
func (w *recorder) await() {
	if w.stall > 0 {
		_ = w.control.SetWriteDeadline(time.Now().Add(w.stall))
	}
}

// Write sends p in steps, each of which the client must take in time.
func (w *recorder) Write(p []byte) (written int, err error) {
	w.begin(http.StatusOK)
	for err == nil && written < len(p) {
		w.await()
		var n int
		n, err = w.ResponseWriter.Write(p[written:min(len(p), written+patienceBytes)])
		written += n
	}
	w.bytes += int64(written)
	return written, err
}

// ReadFrom does as Write, and keeps the way open for sendfile: that takes a
// file, or one within one io.LimitedReader.
func (w *recorder) ReadFrom(r io.Reader) (total int64, err error) {
	w.begin(http.StatusOK)
	whole, limited := r.(*io.LimitedReader)
	if !limited {
		whole = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	for ended := false; !ended && err == nil && whole.N > 0; {
		w.await()
		step := &io.LimitedReader{R: whole.R, N: min(whole.N, patienceBytes)}
		var n int64
		n, err = io.Copy(w.ResponseWriter, step)
		ended = step.N > 0
		whole.N -= n
		total += n
	}
	w.bytes += total
	return total, err
}
