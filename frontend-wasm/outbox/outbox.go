// Package outbox keeps what waits to be sent to the server: uploads with their
// files, deletions and renames. It outlives a reload of the page and the loss of
// the network, because it is kept in the browser's IndexedDB.
//
// Several tabs share it. Each item belongs to one tab, which alone sends it; the
// items of a tab that is gone belong to whoever calls Adopt first. A tab is alive
// as long as it holds a Web Lock with its name. That the server carries an item
// out once, although a tab may end between its sending and its removal, is due to
// the item's token: see [Item].
//
// The files ending in _js.go do the work; elsewhere there is no outbox. The
// service worker (web/app-worker.js) writes items of the same form when something
// is shared with the installed app.
package outbox

import "errors"

// Kind is what an item asks for.
type Kind string

// The kinds.
const (
	Upload Kind = "upload"
	Delete Kind = "delete"
	Rename Kind = "rename"
)

// Item is one change that waits.
type Item struct {
	ID string `json:"id"` // of the item, for as long as it is kept
	// Token names the upload on the WebSocket, and is the Idempotency-Key of what
	// goes over HTTP: 32 hexadecimal digits. It stays the same until the server's
	// answer is known, and is another one when the item is tried anew after that.
	Token string `json:"token"`
	Kind  Kind   `json:"kind"`
	Key   string `json:"key"`
	To    string `json:"to,omitempty"`   // Rename: the new key
	Made  int64  `json:"made,omitempty"` // when it was made, in Unix milliseconds; items are sent in that order

	IfMatch string `json:"ifMatch,omitempty"` // the ETag of what it is about, as the user saw it
	IfNew   bool   `json:"ifNew,omitempty"`   // Upload, Rename: not in the place of an object

	Name   string `json:"name,omitempty"`   // Upload: the file's own name
	Size   int64  `json:"size,omitempty"`   // Upload: bytes
	Asked  bool   `json:"asked,omitempty"`  // it is to be sent; else the user has still to say so
	Paused bool   `json:"paused,omitempty"` // the user has stopped it for now
	Fixed  bool   `json:"fixed,omitempty"`  // Upload: the key is settled, as for an object that is replaced
	Shrink bool   `json:"shrink,omitempty"` // Upload: make a photograph smaller before it is sent
	Shared bool   `json:"shared,omitempty"` // Upload: another app shared it with this one

	// File is the browser's File or Blob of an Upload. Put keeps it apart, where it
	// is not written again when the rest changes: nil leaves it as it is.
	File any `json:"-"`
}

// The errors of a Box.
var (
	ErrUnavailable = errors.New("this browser keeps nothing for pages here, as in a private window")
	ErrFull        = errors.New("this browser has no room to keep the file")
)
