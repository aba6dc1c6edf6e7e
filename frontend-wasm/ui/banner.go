package ui

import "time"

// connState is the state of the connection to the backend.
type connState struct {
	Online  bool
	Since   time.Time // when it became so
	RetryAt time.Time // when the next attempt is made, while not online
	Err     string    // why the last attempt failed; "" before the first ended
}

// grace is how long a page may be without a connection before it says so: the
// first one takes a moment.
const grace = 1500 * time.Millisecond

// notice is what the page says about the connection, or nothing.
type notice struct {
	Text  string // what is the matter; announced when it changes
	Retry string // when the next attempt is made; changes each second
	Kind  string // "offline" or "cache"
}

// connNotice says what is the matter with the connection or with the cache.
// network is false when the browser itself knows that it has none; cacheDown
// is true when no cache node answers.
func connNotice(c connState, network, cacheDown bool, now time.Time) notice {
	switch {
	case c.Online && cacheDown:
		return notice{Kind: "cache", Text: t("The cache is not answering: objects are read from disk.")}
	case c.Online, c.Since.IsZero(): // not started: the page as the server draws it
		return notice{}
	case !network:
		return notice{Kind: "offline", Text: t("Offline – showing what was seen last.")}
	case c.Err == "" && now.Sub(c.Since) < grace:
		return notice{}
	}
	return notice{Kind: "offline", Text: t("Offline: the server is not answering. Showing what was seen last."), Retry: retryText(c.RetryAt, now)}
}

func retryText(at, now time.Time) string {
	if !at.After(now) {
		return t("Trying again now …")
	}
	return tf("Trying again in %d s.", int((at.Sub(now)+time.Second-1)/time.Second))
}
