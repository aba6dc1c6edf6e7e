package ui

import (
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
)

func pilotSession(p *api.Autopilot) *session {
	s := newSession()
	s.conn.Online = true
	s.cache = &api.Cache{Capacity: 256 * api.MB, Policy: "lru", MinCapacity: api.MB, MaxCapacity: 1000 * api.MB}
	s.pilot = p
	return s
}

func steered() *api.Autopilot {
	return &api.Autopilot{
		AutopilotSettings: api.AutopilotSettings{On: true, Goal: api.GoalRate, Target: 0.9, Least: 16 * api.MB, Most: 512 * api.MB},
		State:             api.AutopilotHolds, Rate: 0.913,
		Changes: []api.AutopilotChange{
			{ID: 2, Time: 2000, From: 128 * api.MB, To: 256 * api.MB, Target: 0.9, Why: api.WhyBelow, Was: 0.85, Is: 0.913, Text: "as the server has it"},
			{ID: 1, Time: 1000, From: 64 * api.MB, To: 128 * api.MB, Why: "new", Text: "as the server has it", Undone: 1500},
		},
	}
}

func TestAutopilotCardStates(t *testing.T) {
	off := steered()
	off.On, off.State, off.Changes = false, api.AutopilotOff, nil
	undone := steered()
	undone.On, undone.State, undone.Undone = false, api.AutopilotOff, 1
	knee := steered()
	knee.Goal = api.GoalKnee
	in := func(state string) *api.Autopilot {
		p := steered()
		p.State, p.Until, p.Want = state, 5000, 300*api.MB
		return p
	}
	for name, c := range map[string]struct {
		pilot *api.Autopilot
		want  []string
		not   string
	}{
		"unknown": {nil, []string{"bone", `id="pilot-on"`, "disabled"}, "pilot-form"},
		"off":     {off, []string{"Off: the capacity stays as it is set.", `id="pilot-none"`}, "pilot-changes"},
		"holds": {steered(), []string{
			"with 256.0 MB, 91.3 % of the requests should be hits", "128.0 MB → 256.0 MB", "85.0 % of the requests were hits, less than the 90.0 % to reach", `id="pilot-undo-2"`,
			"as the server has it", ">Undone<", `id="pilot-target"`,
		}, `id="pilot-undo-1"`},
		"knee":    {knee, []string{`id="pilot-least"`, "less than one point of hits"}, `id="pilot-target"`},
		"undone":  {undone, []string{"Off, since one of its changes was undone"}, "stays as it is set"},
		"paused":  {in(api.AutopilotPaused), []string{"changed by hand", `data-state="paused"`}, "About to"},
		"waits":   {in(api.AutopilotWaits), []string{"not before"}, "About to"},
		"learns":  {in(api.AutopilotLearns), []string{"too few requests"}, "About to"},
		"blind":   {in(api.AutopilotBlind), []string{"nothing is changed"}, "About to"},
		"changes": {in(api.AutopilotChanges), []string{"from 256.0 MB to 300.0 MB"}, "too few"},
	} {
		card := &autopilotCard{s: pilotSession(c.pilot)}
		if c.pilot != nil {
			card.form = formOf(c.pilot.AutopilotSettings)
		}
		markup := draw(t, card)
		for _, want := range c.want {
			if !strings.Contains(markup, want) {
				t.Errorf("%s: there is no %q in %s", name, want, markup)
			}
		}
		if strings.Contains(markup, c.not) || offAttribute.MatchString(markup) {
			t.Errorf("%s: there is %q, or an attribute is off, in %s", name, c.not, markup)
		}
	}
}

func TestAutopilotWithoutAServer(t *testing.T) {
	s := newSession()
	s.conn = connState{Since: time.Now(), Err: "refused"}
	if markup := draw(t, &autopilotCard{s: s}); !strings.Contains(markup, `id="pilot-unseen"`) || !strings.Contains(markup, "disabled") || strings.Contains(markup, "bone") {
		t.Errorf("without a server there is %s", markup)
	}
}

func TestAutopilotForm(t *testing.T) {
	s := pilotSession(steered())
	good := formOf(s.pilot.AutopilotSettings)
	set, err := good.set(s.cache)
	if err != nil || *set.Target != 0.9 || *set.Least != 16*api.MB || *set.Most != 512*api.MB || *set.Goal != api.GoalRate || set.On != nil {
		t.Errorf("the form says %+v, %v", set, err)
	}
	for text, want := range map[string]float64{"91,35": 0.914, " 50 ": 0.5, "99.9": 0.999, "1": 0.01} {
		f := good
		f.target = text
		if set, err := f.set(s.cache); err != nil || *set.Target != want {
			t.Errorf("%q is %v, %v, want %v", text, set.Target, err, want)
		}
	}
	for _, text := range []string{"", "x", "0.5", "100", "-1", "NaN", "1e400", "Inf"} {
		f := good
		f.target = text
		if _, err := f.set(s.cache); err == nil {
			t.Errorf("the target %q is taken", text)
		}
		f.goal = api.GoalKnee
		if set, err := f.set(s.cache); err != nil || set.Target != nil {
			t.Errorf("for the knee, the target %q matters: %v", text, err)
		}
	}
	for _, bounds := range [][2]string{{"600", "512"}, {"", "512"}, {"16", "1001"}, {"1.5", "512"}} {
		f := good
		f.least, f.most = bounds[0], bounds[1]
		if _, err := f.set(s.cache); err == nil {
			t.Errorf("the bounds %q are taken", bounds)
		}
	}
	card := &autopilotCard{s: s, form: good}
	if card.noteEdited(); card.edited {
		t.Error("a form that nobody touched is edited")
	}
	card.onGoal(api.GoalKnee)
	if markup := draw(t, card); !card.edited || !strings.Contains(markup, `id="pilot-reset"`) {
		t.Error("another goal is no change of the form")
	}
}
