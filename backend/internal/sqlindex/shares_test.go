package sqlindex

import (
	"sync"
	"testing"
)

// TestTheKeyOfSharedLinksIsMadeOnce, also when several ask for it at once, and is the
// same for every backend, until it is renewed.
func TestTheKeyOfSharedLinksIsMadeOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		keys := make([][32]byte, 8)
		var wg sync.WaitGroup
		for i := range keys {
			wg.Go(func() {
				var err error
				if keys[i], err = db.ShareKey(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, key := range keys {
			if key != keys[0] || key == [32]byte{} {
				t.Fatalf("the keys are %x", keys)
			}
		}
		again := mustOpen(t, c)
		if key, err := again.ShareKey(t.Context()); err != nil || key != keys[0] {
			t.Errorf("opened again, the key is %x, %v; want %x", key, err, keys[0])
		}
		if err := again.RenewShareKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		renewed, err := db.ShareKey(t.Context())
		if err != nil || renewed == keys[0] {
			t.Errorf("renewed elsewhere, the key is still %x, %v", renewed, err)
		}
	})
}
