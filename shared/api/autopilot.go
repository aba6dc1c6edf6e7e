package api

// Autopilot is how the cache's capacity is kept right by itself, and what that did.
type Autopilot struct {
	AutopilotSettings
	State   string            `json:"state"`           // one of AutopilotStates
	Since   int64             `json:"since,omitempty"` // when a person changed the cache, if it is paused for that
	Until   int64             `json:"until,omitempty"` // no change before, if it is paused or waits
	Undone  int64             `json:"undone,omitempty"`
	Rate    float64           `json:"predicted,omitempty"` // hit rate with the present capacity, as the curves say
	Want    int64             `json:"want,omitempty"`      // bytes: what would be right
	Changes []AutopilotChange `json:"changes"`             // newest first, at most MaxAutopilotChanges
}

// AutopilotSettings are what the autopilot is told.
type AutopilotSettings struct {
	On     bool    `json:"on"`
	Goal   string  `json:"goal"`   // GoalRate or GoalKnee
	Target float64 `json:"target"` // the hit rate to reach, for GoalRate
	Least  int64   `json:"least"`  // bytes, whole MB: no less than that
	Most   int64   `json:"most"`   // bytes, whole MB: no more than that
}

// The goals of the autopilot.
const (
	GoalRate = "rate" // the smallest capacity that reaches the target
	GoalKnee = "knee" // the capacity beyond which a doubling brings less than a point more
)

// MinTarget to MaxTarget are the hit rates that can be a target.
const (
	MinTarget = 0.01
	MaxTarget = 0.999
)

// AutopilotSet changes what is not nil.
type AutopilotSet struct {
	On     *bool    `json:"on,omitempty"`
	Goal   *string  `json:"goal,omitempty"`
	Target *float64 `json:"target,omitempty"`
	Least  *int64   `json:"least,omitempty"`
	Most   *int64   `json:"most,omitempty"`
}

// AutopilotUndo names the change to undo.
type AutopilotUndo struct {
	ID int64 `json:"id"`
}

// AutopilotChange is a change that the autopilot made.
type AutopilotChange struct {
	ID     int64   `json:"id"`
	Time   int64   `json:"time"`
	From   int64   `json:"from"` // bytes
	To     int64   `json:"to"`   // bytes
	Policy string  `json:"policy"`
	Goal   string  `json:"goal"`
	Target float64 `json:"target"`           // as it was set then
	Why    string  `json:"why"`              // one of the reasons
	Was    float64 `json:"was"`              // the hit rate predicted for From
	Is     float64 `json:"is"`               // and for To
	Text   string  `json:"text"`             // the reason in a sentence
	Undone int64   `json:"undone,omitempty"` // when it was undone
}

// The reasons of an AutopilotChange.
const (
	WhyBelow   = "below"   // the target was not reached
	WhyAbove   = "above"   // less memory reaches it, too
	WhyBest    = "best"    // the target is out of reach, and this serves as much as can be
	WhyPays    = "pays"    // more memory pays
	WhyIdle    = "idle"    // memory that brings hardly anything is let go
	WhyOutside = "outside" // the capacity was outside of the bounds
)

// The states of an Autopilot.
const (
	AutopilotOff     = "off"
	AutopilotPaused  = "paused"  // a person changed the cache
	AutopilotWaits   = "waits"   // for its last change to show
	AutopilotLearns  = "learns"  // too little traffic was seen since the capacity changed
	AutopilotBlind   = "blind"   // no cache node tells its curves
	AutopilotHolds   = "holds"   // the capacity is right
	AutopilotChanges = "changes" // it is about to change it
)

// AutopilotStates are the states of an Autopilot.
var AutopilotStates = []string{AutopilotOff, AutopilotPaused, AutopilotWaits, AutopilotLearns, AutopilotBlind, AutopilotHolds, AutopilotChanges}

// MaxAutopilotChanges is how many changes are remembered.
const MaxAutopilotChanges = 20
