package cachectl

import (
	"slices"
	"testing"

	"memcache/shared/api"
)

// What the nodes tell is kept once an hour, without what changes by the minute.
func TestInsightsAreKept(t *testing.T) {
	f := start(t, node("a"))
	for range 2 {
		if err := f.KeepInsight(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.Insights(t.Context(), 2)
	if err != nil || len(got.Insights) != 1 && len(got.Insights) != 2 { // two, when an hour ended meanwhile
		t.Fatalf("%+v, %v", got, err)
	}
	nodes := got.Insights[0].Nodes
	if len(nodes) != 1 || len(nodes[0].Windows) != 1 || nodes[0].Windows[0].Seconds != 3600 || nodes[0].Windows[0].Curves[0].Points[0].Objects != 0.5 {
		t.Errorf("%+v was kept", nodes)
	}
	for _, hours := range []int{0, -1, api.MaxInsightHours + 1} {
		if _, err := f.Insights(t.Context(), hours); api.AsError(err).Code != api.Invalid {
			t.Errorf("%d hours: %v", hours, err)
		}
	}
}

func TestARecordingHasDefaultsAndBounds(t *testing.T) {
	f := start(t, node("a"))
	if _, err := f.StartRecording(t.Context(), api.RecordingStart{}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"record 16777216 3600"}; !slices.Equal(f.nodes.calls, want) {
		t.Errorf("the node was asked for %q, want %q", f.nodes.calls, want)
	}
	for _, s := range []api.RecordingStart{{MaxBytes: -api.MB}, {MaxBytes: 5}, {Seconds: -1}} {
		if _, err := f.StartRecording(t.Context(), s); api.AsError(err).Code != api.Invalid {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
