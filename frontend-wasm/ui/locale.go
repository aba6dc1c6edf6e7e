package ui

import (
	"strings"
	"sync/atomic"
	"time"

	"memcache/shared/api"
)

// locale is how numbers and times are written for the reader. The browser gives
// its own (see [browserLocale]); the plain one is that of the tests and of the
// pages as the server draws them.
type locale struct {
	group, decimal string // of numbers
	// time writes a time, in Unix milliseconds, in one of the styles; nil for the
	// plain form.
	time func(style timeStyle, at int64) string
}

// timeStyle is how much of a time is written.
type timeStyle int

const (
	styleClock  timeStyle = iota // 15:04:05
	styleMinute                  // 15:04
	styleDay                     // Mon 2 Jan
	styleDate                    // 2 Jan 2006
	styleExact                   // 2 January 2006, 15:04:05
)

// plainForms are the layouts of the styles where there is no browser.
var plainForms = [...]string{"15:04:05", "15:04", "Mon 2 Jan", "2 Jan 2006", "2 January 2006, 15:04:05"}

var (
	plainLocale = locale{group: ",", decimal: "."}
	reader      atomic.Pointer[locale]
)

// here is the reader's locale.
func here() *locale {
	if l := reader.Load(); l != nil {
		return l
	}
	return &plainLocale
}

// written puts the reader's decimal separator into a number with one.
func written(number string) string { return strings.Replace(number, ".", here().decimal, 1) }

// size writes a number of bytes: "3.0 MB".
func size(n int64) string { return written(api.FormatBytes(n)) }

// axisTime writes a time as exactly as a window of so many seconds needs it.
func axisTime(at int64, seconds int) string {
	const day = 24 * 3600
	switch {
	case seconds <= api.DefaultWindow:
		return here().format(styleClock, at)
	case seconds <= day:
		return here().format(styleMinute, at)
	}
	return here().format(styleDay, at) + ", " + here().format(styleMinute, at)
}

func (l *locale) format(style timeStyle, at int64) string {
	if l.time == nil {
		return time.UnixMilli(at).Format(plainForms[style])
	}
	return l.time(style, at)
}
