package sqlindex

import (
	"slices"
	"testing"
	"time"
)

func keptCurves(t *testing.T, db *DB, since time.Time) (all []string) {
	t.Helper()
	err := db.Curves(t.Context(), since, func(at time.Time, curves []byte) error {
		all = append(all, at.Format(time.TimeOnly)+" "+string(curves))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCurvesAreKeptByNodeAndTimeFor30Days(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		keep := func(node string, at time.Time, curves string) {
			t.Helper()
			if err := db.KeepCurves(t.Context(), node, at, []byte(curves)); err != nil {
				t.Fatal(err)
			}
		}
		keep("b", noon, "2")
		keep("/run/ünix.sock", noon, "1")
		keep("b", noon, "3") // in the place of 2
		keep("b", noon.Add(time.Hour), "4")
		keep("b", noon.Add(-31*24*time.Hour), "old")
		if got, want := keptCurves(t, db, noon.Add(-time.Hour)), []string{"12:00:00 1", "12:00:00 3", "13:00:00 4"}; !slices.Equal(got, want) {
			t.Errorf("kept %q, want %q", got, want)
		}
		if got := keptCurves(t, db, noon); len(got) != 1 {
			t.Errorf("after noon: %q", got)
		}
		if err := db.Prune(t.Context(), noon); err != nil {
			t.Fatal(err)
		}
		if got := keptCurves(t, db, noon.Add(-40*24*time.Hour)); len(got) != 3 {
			t.Errorf("after 30 days are left: %q", got)
		}
	})
}
