package access

import "memcache/shared/api"

// Uploads bounds how many uploads run at once, whichever way they come.
type Uploads struct{ places chan struct{} }

// NewUploads returns the bound; most is at least 1.
func NewUploads(most int) *Uploads { return &Uploads{make(chan struct{}, most)} }

// Begin takes a place for an upload; end, which is to be called once, gives it
// back. It fails with Unavailable when all are taken.
func (u *Uploads) Begin() (end func(), err error) {
	select {
	case u.places <- struct{}{}:
		return func() { <-u.places }, nil
	default:
		return nil, api.Errorf(api.Unavailable, "%d uploads are running, which is as many as this server takes at once: try again in a moment", cap(u.places))
	}
}
