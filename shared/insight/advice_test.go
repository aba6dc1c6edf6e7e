package insight

import (
	"testing"

	"memcache/shared/api"
)

func TestAdvise(t *testing.T) {
	flat := curve("lru", 0, 0.5, 0.5, 0.5, 0.5, 0.5)
	for name, c := range map[string]struct {
		long, short View
		least, most int64
		fixed       bool // the policy stays
		kind        Kind
		to          Settings
	}{
		"no curves":        {long: View{}, kind: Wait, to: Settings{4 * api.MB, "lru"}},
		"few requests":     {long: view(MinRequests-1, flat), kind: Wait, to: Settings{4 * api.MB, "lru"}},
		"unknown policy":   {long: view(5000, curve("fifo", 0, 0.1, 0.2, 0.3)), kind: Wait, to: Settings{4 * api.MB, "lru"}},
		"a better policy":  {long: view(5000, flat, curve("s3fifo", 0, 0.5, 0.5, 0.53)), kind: Switch, to: Settings{4 * api.MB, "s3fifo"}},
		"hardly better":    {long: view(5000, curve("lru", 0, 0.2, 0.4, 0.5, 0.51), curve("s3fifo", 0, 0.5, 0.5, 0.509)), kind: Keep, to: Settings{4 * api.MB, "lru"}},
		"within the error": {long: view(5000, curve("lru", 0.03, 0.2, 0.4, 0.5, 0.51), curve("s3fifo", 0.03, 0, 0, 0.54)), kind: Keep, to: Settings{4 * api.MB, "lru"}},
		"policy is fixed":  {long: view(5000, curve("lru", 0, 0.2, 0.4, 0.5, 0.51), curve("s3fifo", 0, 0, 0, 0.7)), fixed: true, kind: Keep, to: Settings{4 * api.MB, "lru"}},
		"twice":            {long: view(5000, curve("lru", 0, 0.1, 0.2, 0.3, 0.35, 0.5)), kind: Grow, to: Settings{8 * api.MB, "lru"}},
		"a cliff":          {long: view(5000, curve("lru", 0, 0.1, 0.2, 0.3, 0.3, 0.5)), kind: Grow, to: Settings{16 * api.MB, "lru"}},
		"no more memory":   {long: view(5000, curve("lru", 0, 0.1, 0.2, 0.3, 0.35, 0.5)), most: 7 * api.MB, kind: Keep, to: Settings{4 * api.MB, "lru"}},
		"half":             {long: view(5000, curve("lru", 0, 0.1, 0.499, 0.5, 0.5, 0.5)), kind: Shrink, to: Settings{2 * api.MB, "lru"}},
		"a quarter":        {long: view(5000, flat), kind: Shrink, to: Settings{api.MB, "lru"}},
		"not below":        {long: view(5000, flat), least: 3 * api.MB, kind: Keep, to: Settings{4 * api.MB, "lru"}},
		"unsure of less":   {long: view(5000, curve("lru", 0.02, 0.5, 0.5, 0.5, 0.5)), kind: Keep, to: Settings{4 * api.MB, "lru"}},
		"the last minutes differ": {
			long: view(5000, flat), short: view(5000, curve("lru", 0, 0.1, 0.2, 0.5, 0.51, 0.51)), kind: Keep, to: Settings{4 * api.MB, "lru"},
		},
		"the last minutes are quiet": {
			long: view(5000, flat), short: view(10, curve("lru", 0, 0.1, 0.2, 0.5, 0.51, 0.51)), kind: Shrink, to: Settings{api.MB, "lru"},
		},
	} {
		q := Question{Long: c.long, Short: c.short, Now: Settings{4 * api.MB, "lru"}, Least: max(c.least, api.MB), Most: c.most, Policies: []string{"lru", "s3fifo", "random"}}
		if c.most == 0 {
			q.Most = 1 << 40
		}
		if c.fixed {
			q.Policies = nil
		}
		a := Advise(q)
		if a.Kind != c.kind || a.To != c.to {
			t.Errorf("%s: the advice is %+v, want %s to %+v", name, a, c.kind, c.to)
		}
		if a.Kind == Keep && (a.Gain() != 0 || !near(a.Now.Rate, 0.5) && !near(a.Now.Rate, 0.3)) {
			t.Errorf("%s: to keep it is to gain %v, from %v", name, a.Gain(), a.Now.Rate)
		}
	}
}

// After an advice is followed, there is none to go back: nothing oscillates as long
// as the traffic is the same.
func TestAdviceEnds(t *testing.T) {
	for name, v := range map[string]View{
		"flat":  view(5000, curve("lru", 0, 0.5, 0.5, 0.5, 0.5, 0.5), curve("sieve", 0, 0.5, 0.5, 0.505, 0.52, 0.52)),
		"steep": view(5000, curve("lru", 0, 0.1, 0.2, 0.4, 0.6, 0.7), curve("sieve", 0, 0.2, 0.3, 0.35, 0.65, 0.9)),
		"mixed": view(5000, curve("lru", 0, 0.3, 0.5, 0.52, 0.55, 0.8), curve("sieve", 0, 0.4, 0.4, 0.6, 0.6, 0.7)),
	} {
		now, seen := Settings{4 * api.MB, "lru"}, map[Settings]bool{}
		for {
			if seen[now] {
				t.Fatalf("%s: the advice is to go back to %+v", name, now)
			}
			seen[now] = true
			a := Advise(Question{Long: v, Short: v, Now: now, Least: api.MB, Most: 1 << 40, Policies: []string{"lru", "sieve"}})
			if a.Kind == Keep {
				break
			}
			if a.Kind == Wait {
				t.Fatalf("%s: at %+v nothing can be said", name, now)
			}
			now = a.To
		}
	}
}
