package sqlindex

import (
	"testing"
	"time"
)

func TestTheLastPromiseIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		want := func(want string) {
			t.Helper()
			if got, err := db.Promise(t.Context()); err != nil || string(got) != want {
				t.Errorf("kept is %q, %v; want %q", got, err, want)
			}
		}
		want("")
		for i, promise := range []string{"first", "second", "third"} {
			at := noon.Add(time.Duration(i/2) * time.Hour) // the second in the place of the first
			if err := db.KeepPromise(t.Context(), at, []byte(promise)); err != nil {
				t.Fatal(err)
			}
			want(promise)
		}
		if err := db.Prune(t.Context(), noon.Add(30*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		want("third")
		if err := db.Prune(t.Context(), noon.Add(31*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		want("")
	})
}
