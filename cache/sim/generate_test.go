package sim_test

import (
	"slices"
	"testing"

	"memcache/cache/sim"
)

func TestZipfAsksForTheSecondKeyHalfAsOftenAsForTheFirst(t *testing.T) {
	count := make([]int, 1_000)
	for key := range sim.Zipf(7, 200_000, len(count)) {
		count[key]++
	}
	// 1/(1 + 1/2 + … + 1/1000) of the requests is 26,716; six standard deviations are about 900.
	for rank, want := range []int{26_716, 13_358, 8_905, 6_679} {
		if got := count[rank]; got < want-900 || got > want+900 {
			t.Errorf("key %d was asked for %d times, want about %d", rank, got, want)
		}
	}
}

func TestShiftingHandsThePopularityOn(t *testing.T) {
	var early, late int
	i := 0
	for key := range sim.Shifting(7, 20_000, 100, 200) {
		switch {
		case i < 200 && key == 0:
			early++
		case i >= 10_000 && i < 10_200 && key == 50:
			late++
		}
		i++
	}
	if early < 20 || late < 20 {
		t.Errorf("the most popular key was asked for %d times of 200 first, and %d times later", early, late)
	}
}

func TestScansBreakInWithKeysThatAreNew(t *testing.T) {
	got := slices.Collect(sim.Scans(sim.Loop(4, 2), 2, 3))
	const fresh = 1 << 32
	want := []uint64{0, 1, fresh, fresh + 1, fresh + 2, 0, 1, fresh + 3, fresh + 4, fresh + 5}
	if !slices.Equal(got, want) {
		t.Errorf("asked for %v, want %v", got, want)
	}
}

func TestPhotographsAreThumbnailsPreviewsAndOriginals(t *testing.T) {
	var thumbnails, previews, originals int
	for key := range uint64(10_000) {
		size := sim.Photograph(key)
		if size != sim.Photograph(key) {
			t.Fatalf("key %d has two sizes", key)
		}
		switch {
		case size >= 4<<10 && size < 32<<10:
			thumbnails++
		case size >= 64<<10 && size < 512<<10:
			previews++
		case size >= 1<<20 && size < 8<<20:
			originals++
		default:
			t.Errorf("key %d has %d bytes", key, size)
		}
	}
	if thumbnails < 5_700 || thumbnails > 6_300 || previews < 2_700 || previews > 3_300 || originals < 800 {
		t.Errorf("%d thumbnails, %d previews, %d originals", thumbnails, previews, originals)
	}
}

func TestGeneratorsStopWhenTheirReaderDoes(t *testing.T) {
	for key := range sim.Scans(sim.Shifting(1, 10, 5, 2), 1, 5) {
		_ = key
		break
	}
	for range sim.Sized(sim.Loop(10, 5), sim.Page) {
		break
	}
}
