package insight

import (
	"math"
	"testing"

	"memcache/shared/api"
)

// curve is a policy's curve: the hit rates with 1, 2, 4, … MB, of objects; those of
// bytes are half.
func curve(policy string, band float64, rates ...float64) api.Curve {
	c := api.Curve{Policy: policy}
	for i, r := range rates {
		c.Points = append(c.Points, api.CurvePoint{
			Capacity: api.MB << i, Objects: 1 - r, Bytes: 1 - r/2, ObjectsBand: band, BytesBand: band,
		})
	}
	return c
}

func view(requests int64, curves ...api.Curve) View {
	return View{Nodes: 1, Seconds: 3600, Capacity: 4 * api.MB, Requests: requests, Bytes: 100 * requests, Exact: true, Rate: 1, Curves: curves}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestAt(t *testing.T) {
	v := view(5000, curve("lru", 0.01, 0.2, 0.4, 0.8))
	for _, c := range []struct {
		m          Measure
		mb         float64
		rate, band float64
	}{
		{Objects, 1, 0.2, 0.01},
		{Objects, 2, 0.4, 0.01},
		{Objects, 4, 0.8, 0.01},
		{Bytes, 2, 0.2, 0.01},
		{Objects, 2 * math.Sqrt2, 0.6, 0.01 + 0.1}, // in the middle, the doubt is a quarter of the difference
	} {
		e, ok := v.At(c.m, Settings{int64(c.mb * api.MB), "lru"})
		if !ok || math.Abs(e.Rate-c.rate) > 1e-6 || math.Abs(e.Band-c.band) > 1e-6 {
			t.Errorf("with %v MB it is %+v, %v; want %v", c.mb, e, ok, c.rate)
		}
	}
	for _, s := range []Settings{{api.MB - 1, "lru"}, {4*api.MB + 1, "lru"}, {2 * api.MB, "fifo"}, {}} {
		if e, ok := v.At(Objects, s); ok {
			t.Errorf("%+v is known to have %+v", s, e)
		}
	}
	if _, ok := view(0, v.Curves...).At(Objects, Settings{api.MB, "lru"}); ok {
		t.Error("without requests a rate is known")
	}
	if least, most := v.Range(); least != api.MB || most != 4*api.MB {
		t.Errorf("known from %d to %d", least, most)
	}
	if least, most := (View{}).Range(); least != 0 || most != 0 {
		t.Errorf("of nothing is known %d to %d", least, most)
	}
}

func TestLeast(t *testing.T) {
	v := view(5000, curve("lru", 0, 0.2, 0.4, 0.4, 0.8))
	for rate, want := range map[float64]int64{0: 1, 0.2: 1, 0.4: 2, 0.3: 2, 0.6: 6, 0.8: 8} {
		if got, ok := v.Least(Objects, "lru", rate); !ok || got != want*api.MB {
			t.Errorf("a rate of %v takes %v MB, %v; want %d", rate, float64(got)/api.MB, ok, want)
		}
	}
	if got, ok := v.Least(Objects, "lru", 0.81); ok {
		t.Errorf("what is not reached takes %d", got)
	}
	if _, ok := v.Least(Objects, "fifo", 0.1); ok {
		t.Error("a policy without a curve reaches something")
	}
	if got, _ := v.Least(Bytes, "lru", 0.4); got != 8*api.MB {
		t.Errorf("of bytes, 0.4 takes %d", got)
	}
	if got, ok := view(0, v.Curves...).Least(Objects, "lru", 0); ok {
		t.Errorf("without requests it takes %d", got)
	}
}

// What Least names reaches the rate by At.
func TestLeastAgreesWithAt(t *testing.T) {
	v := view(5000, curve("lru", 0, 0.1, 0.15, 0.5, 0.55, 0.8, 0.81))
	for rate := 0.1; rate <= 0.81; rate += 0.01 {
		c, ok := v.Least(Objects, "lru", rate)
		e, known := v.At(Objects, Settings{c, "lru"})
		if !ok || !known || e.Rate < rate-1e-9 {
			t.Errorf("%v is to be reached with %d, which has %+v", rate, c, e)
		}
		if less, known := v.At(Objects, Settings{c - api.MB, "lru"}); known && less.Rate > rate+1e-9 {
			t.Errorf("%v is reached with 1 MB less than %d", rate, c)
		}
	}
}

func TestKnee(t *testing.T) {
	for name, c := range map[string]struct {
		rates []float64
		mb    int64
	}{
		"bends":            {[]float64{0.2, 0.5, 0.7, 0.705, 0.706}, 4},
		"flat":             {[]float64{0.7, 0.7, 0.7, 0.7}, 1},
		"straight":         {[]float64{0.1, 0.2, 0.3, 0.4}, 8},
		"cliff at the end": {[]float64{0.1, 0.1, 0.1, 0.9}, 8},
		"two steps":        {[]float64{0.1, 0.5, 0.5, 0.8, 0.8}, 8},
		"a small one":      {[]float64{0.1, 0.5, 0.5, 0.515, 0.515}, 2},
	} {
		v := view(5000, curve("lru", 0, c.rates...))
		if got, ok := v.Knee(Objects, "lru", 0.01); !ok || got != c.mb*api.MB {
			t.Errorf("%s: the knee is at %v MB, %v; want %d", name, float64(got)/api.MB, ok, c.mb)
		}
	}
	if _, ok := view(0, curve("lru", 0, 0.1, 0.2)).Knee(Objects, "lru", 0.01); ok {
		t.Error("without requests there is a knee")
	}
	if _, ok := view(5000).Knee(Objects, "lru", 0.01); ok {
		t.Error("without curves there is a knee")
	}
}

func TestBest(t *testing.T) {
	v := view(5000, curve("fifo", 0, 0.2, 0.4), curve("lru", 0, 0.3, 0.5), curve("sieve", 0, 0.3, 0.6))
	for _, c := range []struct {
		mb     int64
		others []string
		want   string
	}{{1, nil, "lru"}, {2, nil, "sieve"}, {2, []string{"sieve"}, "lru"}, {2, []string{"sieve", "lru", "fifo"}, ""}, {4, nil, ""}} {
		if got, _, ok := v.Best(Objects, c.mb*api.MB, c.others...); got != c.want || ok != (c.want != "") {
			t.Errorf("with %d MB, without %v: %q, %v", c.mb, c.others, got, ok)
		}
	}
}

func TestNodesTogether(t *testing.T) {
	node := func(exact bool, requests, hits int64, curves ...api.Curve) api.NodeCurves {
		return api.NodeCurves{
			Capacity: 4 * api.MB, Exact: exact, Rate: map[bool]float64{true: 1, false: 0.1}[exact],
			Windows: []api.CurveWindow{{Seconds: 300, Curves: curves}, {Seconds: 3600, Requests: requests, Hits: hits, Bytes: 3*requests - 2*hits, HitBytes: hits, Covered: 60, Curves: curves}},
		}
	}
	a := node(true, 3000, 1000, curve("lru", 0, 0.2, 0.4))
	b := node(false, 1000, 900, curve("lru", 0.04, 0.6, 0.8))
	v := Of(api.Insight{Nodes: []api.NodeCurves{a, b}}, 3600)
	if v.Nodes != 2 || v.Requests != 4000 || v.Hits != 1900 || v.Exact || v.Rate != 0.1 || v.Capacity != 4*api.MB {
		t.Errorf("together they are %+v", v)
	}
	if e, ok := v.At(Objects, Settings{2 * api.MB, "lru"}); !ok || !near(e.Rate, 0.75*0.4+0.25*0.8) || !near(e.Band, 0.01) {
		t.Errorf("together they have %+v, %v", e, ok)
	}
	if m, ok := v.Measured(Objects); !ok || !near(m, 0.475) {
		t.Errorf("measured are %v", m)
	}
	// 7,000 bytes of one, 1,200 of the other
	if e, ok := v.At(Bytes, Settings{2 * api.MB, "lru"}); !ok || !near(e.Rate, (7000*0.2+1200*0.4)/8200) || v.HitBytes != 1900 || v.Covered != 60 {
		t.Errorf("together they have %+v of the bytes, %v", e, ok)
	}
	quiet := node(true, 0, 0, curve("lru", 0, 0, 0))
	v = Of(api.Insight{Nodes: []api.NodeCurves{quiet, a}}, 3600)
	if e, ok := v.At(Objects, Settings{2 * api.MB, "lru"}); !ok || !near(e.Rate, 0.4) {
		t.Errorf("with one that nobody asks, they have %+v, %v", e, ok)
	}
	if v := Of(api.Insight{Nodes: []api.NodeCurves{quiet}}, 3600); v.Nodes != 1 || v.Enough() || len(v.Curves) != 1 {
		t.Errorf("without traffic it is %+v", v)
	}
	if v := Of(api.Insight{}, 300); v.Nodes != 0 || v.Enough() || len(v.Curves) != 0 {
		t.Errorf("without nodes it is %+v", v)
	}
	if v := Of(api.Insight{Nodes: []api.NodeCurves{a}}, 60); v.Nodes != 0 {
		t.Errorf("of a window that is not kept there is %+v", v)
	}
}

// Nodes with other capacities and policies are added where they are known.
func TestNodesThatDiffer(t *testing.T) {
	one := func(curves ...api.Curve) api.NodeCurves {
		return api.NodeCurves{Exact: true, Rate: 1, Windows: []api.CurveWindow{{Seconds: 300, Requests: 1000, Curves: curves}}}
	}
	v := Of(api.Insight{Nodes: []api.NodeCurves{one(curve("lru", 0, 0.2, 0.4, 0.6)), one(curve("lru", 0, 0.4, 0.8)), one(curve("fifo", 0, 1))}}, 300)
	if e, ok := v.At(Objects, Settings{4 * api.MB, "lru"}); !ok || !near(e.Rate, (0.6+0.8+0)/3) {
		t.Errorf("with 4 MB they have %+v, %v", e, ok)
	}
}
