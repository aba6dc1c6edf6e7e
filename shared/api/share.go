package api

// Links to single objects, which need no login until they expire.
const (
	// SharedPath is where such a link leads: with a query that is signed.
	SharedPath = "/shared"
	// SharesPath makes links; all of them are ended below it, at /all.
	SharesPath = Base + "/shares"
)

// For how long a link to an object may hold, in seconds.
const (
	MinShare = 60
	MaxShare = 30 * 24 * 60 * 60
)

// NewShare asks for a link to an object.
type NewShare struct {
	Key     string `json:"key"`
	Seconds int    `json:"seconds"` // MinShare to MaxShare
}

// Check reports why there cannot be such a link, or nil.
func (n NewShare) Check() error {
	if n.Seconds < MinShare || n.Seconds > MaxShare {
		return Errorf(Invalid, "a link cannot hold for %d seconds: give %d to %d", n.Seconds, MinShare, MaxShare)
	}
	return CheckKey(n.Key)
}

// Share is a link to an object: whoever has it may read what is stored under the key.
type Share struct {
	Path    string `json:"path"`    // a GET of it
	Expires int64  `json:"expires"` // until when
}
