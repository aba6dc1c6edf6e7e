package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"memcache/shared/api"
)

// A request with an Idempotency-Key is carried out once: the same request with
// the same key, as a client sends it that has not heard the answer, is given the
// first one's answer. Answers are kept in the database, so a restart and other
// backends change nothing. Only success is kept: what failed has changed nothing
// and may be tried again under its key.
//
// Who carries a request out claims its answer before, in the database, so that no
// other backend does so at the same time. The claim of one that was killed expires.
//
// A backend that is killed after the change and before the answer is kept
// carries the request out again. Then a PUT stores the same bytes again, and a
// rename finds that it has been done.

// keepAnswers is how long an Idempotency-Key is remembered.
const keepAnswers = 24 * time.Hour

// claimTime is how long a claim lasts without being renewed.
const claimTime = 15 * time.Second

// maxIdempotencyKey is the length of the longest Idempotency-Key, in bytes.
const maxIdempotencyKey = 255

// Answers keeps what was answered. Its keys are the hashes of Idempotency-Keys.
type Answers interface {
	// Answer returns what is kept under id; fs.ErrNotExist when that is nothing.
	Answer(ctx context.Context, id [32]byte) ([]byte, error)
	// KeepAnswer keeps the answer under id for some time.
	KeepAnswer(ctx context.Context, id [32]byte, answer []byte, keep time.Duration) error
	// ClaimAnswer notes, for some time, that the owner of the claim is about to keep
	// an answer under id. It reports false when there is one, or another's claim.
	ClaimAnswer(ctx context.Context, id [32]byte, claim string, keep time.Duration) (bool, error)
	// RenewClaim makes a claim last for some time from now on.
	RenewClaim(ctx context.Context, id [32]byte, claim string, keep time.Duration) error
	// ReleaseClaim gives a claim up.
	ReleaseClaim(ctx context.Context, id [32]byte, claim string) error
}

// keptAnswer is an answer as it is kept.
type keptAnswer struct {
	Request []byte      `json:"request"` // the hash of what was asked
	Status  int         `json:"status"`
	Header  http.Header `json:"header"`
	Body    []byte      `json:"body"`
}

// running are the Idempotency-Keys of requests that are being carried out here.
type running struct {
	mu  sync.Mutex
	ids map[[32]byte]bool
}

// begin reports false when the request is being carried out already.
func (b *running) begin(id [32]byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ids[id] {
		return false
	}
	b.ids[id] = true
	return true
}

func (b *running) end(id [32]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.ids, id)
}

// once makes a handler one whose requests may have an Idempotency-Key.
func (s *server) once(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, given, err := idempotencyKey(r)
		if err != nil {
			return err
		}
		if !given {
			return h(w, r)
		}
		if !s.running.begin(id) {
			return underWay(w)
		}
		defer s.running.end(id)
		kept, err := s.Answers.Answer(r.Context(), id)
		if errors.Is(err, fs.ErrNotExist) {
			return s.claimed(w, r, h, id)
		}
		if err != nil {
			return err
		}
		return s.replay(w, r, kept)
	}
}

func underWay(w http.ResponseWriter) error {
	w.Header().Set("Retry-After", retryAfter)
	return api.Errorf(api.Conflict, "a request with this Idempotency-Key is still being carried out: ask again in a moment")
}

// claimed carries a request out unless another backend does.
func (s *server) claimed(w http.ResponseWriter, r *http.Request, h handler, id [32]byte) error {
	claim := rand.Text()
	mine, err := s.Answers.ClaimAnswer(r.Context(), id, claim, claimTime)
	if err != nil {
		return err
	}
	if !mine {
		return underWay(w)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(r.Context()))
	var renewing sync.WaitGroup
	renewing.Go(func() { s.renew(ctx, id, claim) })
	done := false
	defer func() {
		stop()
		renewing.Wait()
		if done {
			return // the claim has become an answer
		}
		if err := s.Answers.ReleaseClaim(context.WithoutCancel(r.Context()), id, claim); err != nil {
			s.log.Warn("the claim of an Idempotency-Key stays for a moment", "id", RequestID(r), "error", err)
		}
	}()
	err = s.first(w, r, h, id)
	done = err == nil
	return err
}

// renew renews a claim until ctx ends.
func (s *server) renew(ctx context.Context, id [32]byte, claim string) {
	tick := time.NewTicker(claimTime / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.Answers.RenewClaim(ctx, id, claim, claimTime); err != nil && ctx.Err() == nil {
				s.log.Warn("the claim of an Idempotency-Key was not renewed", "error", err)
			}
		}
	}
}

func idempotencyKey(r *http.Request) (id [32]byte, given bool, err error) {
	values := r.Header["Idempotency-Key"]
	if len(values) == 0 {
		return id, false, nil
	}
	if len(values) > 1 || values[0] == "" || len(values[0]) > maxIdempotencyKey {
		return id, false, api.Errorf(api.Invalid, "the Idempotency-Key %.100q is not one of 1 to %d bytes: choose a random one for each request", values, maxIdempotencyKey)
	}
	return sha256.Sum256([]byte(values[0])), true, nil
}

// first carries a request out and keeps its answer before it is sent.
func (s *server) first(w http.ResponseWriter, r *http.Request, h handler, id [32]byte) error {
	r, sum := withFingerprint(r)
	answer := &answerBuffer{ResponseWriter: w, kept: keptAnswer{Status: http.StatusOK}}
	if err := h(answer, r); err != nil {
		return err
	}
	if !isForm(r) { // what the handler had no use for counts too
		_, _ = io.CopyN(io.Discard, r.Body, s.MaxObject+1)
	}
	answer.kept.Request, answer.kept.Header = sum.Sum(nil), keptHeader(w.Header())
	record, _ := json.Marshal(answer.kept) // of such types it never fails
	// The change is made: that its answer is not kept must not look as if it were not.
	if err := s.Answers.KeepAnswer(context.WithoutCancel(r.Context()), id, record, keepAnswers); err != nil {
		s.log.Error("an answer was not kept for its Idempotency-Key", "id", RequestID(r), "error", err)
	}
	w.WriteHeader(answer.kept.Status)
	_, _ = w.Write(answer.kept.Body) // an error means that the client has gone
	return nil
}

// replay gives the answer that was kept, if the request is the same.
func (s *server) replay(w http.ResponseWriter, r *http.Request, record []byte) error {
	var kept keptAnswer
	if err := json.Unmarshal(record, &kept); err != nil {
		return err
	}
	r, sum := withFingerprint(r)
	if err := s.readAll(r); err != nil {
		return err
	}
	if string(sum.Sum(nil)) != string(kept.Request) {
		return api.Errorf(api.KeyReused, "this Idempotency-Key was used for another request: choose a new one for each request, or repeat the first one as it was")
	}
	for name, values := range kept.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Idempotent-Replayed", "true")
	w.WriteHeader(kept.Status)
	_, _ = w.Write(kept.Body)
	return nil
}

// keptHeader are the headers that belong to the answer.
func keptHeader(h http.Header) http.Header {
	kept := http.Header{}
	for _, name := range []string{"Content-Type", "Cache-Control", "Etag", "Location"} {
		if values := h[name]; values != nil {
			kept[name] = values
		}
	}
	return kept
}

// answerBuffer holds an answer back until it is kept. The answers that come here
// name at most api.MaxListLimit keys.
type answerBuffer struct {
	http.ResponseWriter
	kept keptAnswer
}

func (b *answerBuffer) WriteHeader(status int) { b.kept.Status = status }

func (b *answerBuffer) Write(p []byte) (int, error) {
	b.kept.Body = append(b.kept.Body, p...)
	return len(p), nil
}

// fingerprintKey is the context's key of a request's fingerprint: the hash of its
// method, its address and its body as far as it has been read. Of a form it is
// the hash of the files (walkForm), because a client that sends it again may
// choose another boundary.
type fingerprintKey struct{}

func withFingerprint(r *http.Request) (*http.Request, hash.Hash) {
	sum := sha256.New()
	_, _ = io.WriteString(sum, r.Method+" "+r.URL.RequestURI()+"\n") // hashes never fail
	r = r.WithContext(context.WithValue(r.Context(), fingerprintKey{}, sum))
	if !isForm(r) {
		body := r.Body
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(body, sum), body}
	}
	return r, sum
}

// fingerprintOf is where the parts of a form are to be written.
func fingerprintOf(r *http.Request) io.Writer {
	if sum, ok := r.Context().Value(fingerprintKey{}).(hash.Hash); ok {
		return sum
	}
	return io.Discard
}

// readAll reads the body for the sake of its fingerprint. Beyond the largest
// object it cannot be the same.
func (s *server) readAll(r *http.Request) error {
	if isForm(r) {
		return walkForm(r, func(string, io.Reader) {})
	}
	_, err := io.CopyN(io.Discard, r.Body, s.MaxObject+1)
	if err == io.EOF {
		return nil
	}
	return err
}
