package autopilot

import (
	"fmt"

	"memcache/shared/api"
)

// sentence tells why, with numbers.
func sentence(c api.AutopilotChange) string {
	from, to := mb(c.From), mb(c.To)
	is, will, target := percent(c.Was), percent(c.Is), percent(c.Target)
	switch c.Why {
	case api.WhyBelow:
		return fmt.Sprintf("From %s to %s: with %s, %s of the requests were hits, less than the %s to reach; %s should reach %s.", from, to, from, is, target, to, will)
	case api.WhyAbove:
		return fmt.Sprintf("From %s to %s: %s reaches the %s, too (%s instead of %s).", from, to, to, target, will, is)
	case api.WhyBest:
		return fmt.Sprintf("From %s to %s: the %s cannot be reached within the bounds; %s serves nearly as much as can be, %s (%s with %s).", from, to, target, to, will, is, from)
	case api.WhyPays:
		return fmt.Sprintf("From %s to %s: each doubling up to there brings a point of hits or more, %s instead of %s.", from, to, will, is)
	case api.WhyIdle:
		return fmt.Sprintf("From %s to %s: the memory beyond brings less than a point of hits for each doubling, %s instead of %s.", from, to, is, will)
	default:
		return fmt.Sprintf("From %s to %s: the capacity was outside of the bounds.", from, to)
	}
}

func mb(bytes int64) string { return fmt.Sprintf("%d MB", bytes/api.MB) }

func percent(rate float64) string { return fmt.Sprintf("%.1f %%", 100*rate) }
