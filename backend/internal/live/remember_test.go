package live

import (
	"testing"

	"memcache/shared/api"
)

// sendWhole sends an upload that is to be remembered, and returns its outcome.
func (p *peer) sendWhole(start api.UploadStart, data string) (object api.Object, err *api.Error) {
	p.t.Helper()
	var state api.UploadState
	if err := p.call(api.MethodUpload, start, &state); err != nil {
		return object, err
	}
	if state.Offset < start.Size {
		p.chunk(start.Upload, state.Offset, []byte(data[state.Offset:]))
	}
	err = p.call(api.MethodFinish, api.UploadRef{Upload: start.Upload}, &object)
	return object, err
}

func TestFault96_AnUploadThatIsSentAgainIsStoredOnce(t *testing.T) {
	first := serve(t, nil)
	start := api.UploadStart{Upload: uploadID(1), Key: "k", Size: 5, Remember: true}
	if _, err := first.connect(t).sendWhole(start, "hello"); err != nil {
		t.Fatal(err)
	}
	// Another backend on the same database, as after a restart.
	second := serve(t, func(c *Config, _ *limits) { c.Answers = first.memory })
	p := second.connect(t)
	for range 2 {
		object, err := p.sendWhole(start, "hello")
		if err != nil || object.Key != "k" || object.Size != 5 {
			t.Errorf("got %+v, %v", object, err)
		}
	}
	if _, puts := second.get("k"); puts != 0 {
		t.Errorf("it was stored again, %d times", puts)
	}
	other := start
	other.Key = "another"
	if _, err := p.sendWhole(other, "hello"); err == nil || err.Code != api.Invalid {
		t.Errorf("the same upload with another key: %v", err)
	}
	forgotten := start
	forgotten.Upload, forgotten.Remember = uploadID(2), false
	for _, s := range []*server{first, serve(t, func(c *Config, _ *limits) { c.Answers = first.memory })} {
		if _, err := s.connect(t).sendWhole(forgotten, "hello"); err != nil {
			t.Error(err)
		}
		if _, puts := s.get("k"); puts == 0 {
			t.Error("what was not to be remembered was not stored")
		}
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	for i := range maxKept + 20 {
		start := api.UploadStart{Upload: uploadID(i), Key: "k", Size: 0, Remember: true}
		if _, err := p.sendWhole(start, ""); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 { // those that were forgotten are recalled, and forgotten again
		start := api.UploadStart{Upload: uploadID(i), Key: "k", Size: 0, Remember: true}
		if _, err := p.sendWhole(start, ""); err != nil {
			t.Fatal(err)
		}
	}
	s.uploads.mu.Lock()
	defer s.uploads.mu.Unlock()
	if n := len(s.uploads.byID); n > maxKept {
		t.Errorf("%d uploads are remembered", n)
	}
}

func TestFault97_ConditionsOfUploads(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	fresh := api.UploadStart{Upload: uploadID(1), Key: "k", Size: 5, Condition: api.Condition{IfNew: true}}
	if _, err := p.sendWhole(fresh, "hello"); err != nil {
		t.Fatal(err)
	}
	fresh.Upload = uploadID(2)
	if _, err := p.sendWhole(fresh, "other"); err == nil || err.Code != api.PreconditionFailed {
		t.Errorf("a second one: %v", err)
	}
	gone := api.UploadStart{Upload: uploadID(3), Key: "gone", Size: 5, Condition: api.Condition{IfMatch: `"e"`}}
	if _, err := p.sendWhole(gone, "other"); err == nil || err.Code != api.PreconditionFailed {
		t.Errorf("in the place of one that is gone: %v", err)
	}
	if b, puts := s.get("k"); string(b) != "hello" || puts != 1 {
		t.Errorf("%q is stored, in %d puts", b, puts)
	}
}
