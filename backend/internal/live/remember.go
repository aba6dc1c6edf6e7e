package live

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"memcache/shared/api"
)

// What is stored is remembered for as long as the HTTP side remembers its
// Idempotency-Keys. A backend that is killed after an upload is stored and before
// that is noted stores the same bytes again when they are sent again.
const (
	keepOutcome  = 24 * time.Hour
	rememberTime = 10 * time.Second
)

// outcome is how an upload that was stored is remembered.
type outcome struct {
	Key    string     `json:"key"`
	Size   int64      `json:"size"`
	Object api.Object `json:"object"`
}

func outcomeID(upload string) [32]byte { return sha256.Sum256([]byte("upload " + upload)) }

// remember notes that an upload is stored, before its client hears of it.
func (us *uploads) remember(u *upload, object api.Object) {
	ctx, cancel := context.WithTimeout(context.Background(), rememberTime)
	defer cancel()
	record, _ := json.Marshal(outcome{u.key, u.size, object}) // of such types it never fails
	if err := us.answers.KeepAnswer(ctx, outcomeID(u.id), record, keepOutcome); err != nil {
		us.log.Error("the outcome of an upload was not noted", "key", u.key, "err", err)
	}
}

// recall returns an upload that was stored by this backend, one before it or
// another one; nil when there is none.
func (us *uploads) recall(ctx context.Context, s api.UploadStart) (*upload, error) {
	if !s.Remember {
		return nil, nil
	}
	record, err := us.answers.Answer(ctx, outcomeID(s.Upload))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, api.Errorf(api.Unavailable, "whether %q is stored already cannot be looked up now: try again in a moment", s.Key).Because(err)
	}
	var o outcome
	if err := json.Unmarshal(record, &o); err != nil {
		return nil, fmt.Errorf("read the outcome of the upload %s: %w", s.Upload, err)
	}
	u := newUpload(nil, api.UploadStart{Upload: s.Upload, Key: o.Key, Size: o.Size})
	u.settle(o.Object, nil)
	return u, nil
}
