package browsertest

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
)

// console collects the errors that the tabs of a browser report.
type console struct {
	allow []*regexp.Regexp

	mu    sync.Mutex
	found []string
}

// listen takes every event of a tab.
func (c *console) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			c.add("console."+string(e.Type), argsText(e.Args), place(e.StackTrace))
		}
	case *runtime.EventExceptionThrown:
		c.add("exception", exceptionText(e.ExceptionDetails), e.ExceptionDetails.URL)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity {
			c.add(string(e.Entry.Source)+" "+string(e.Entry.Level), e.Entry.Text, e.Entry.URL)
		}
	}
}

func (c *console) add(kind, text, url string) {
	for _, allowed := range c.allow {
		if allowed.MatchString(text) || allowed.MatchString(url) {
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, fmt.Sprintf("%s: %s (%s)", kind, text, url))
}

// problems returns what was found so far.
func (c *console) problems() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.found...)
}

func argsText(args []*runtime.RemoteObject) string {
	parts := make([]string, 0, len(args))
	for _, a := range args {
		if a.Description != "" {
			parts = append(parts, a.Description)
		} else {
			parts = append(parts, string(a.Value))
		}
	}
	return strings.Join(parts, " ")
}

func exceptionText(d *runtime.ExceptionDetails) string {
	if d.Exception == nil {
		return d.Text
	}
	return d.Text + " " + d.Exception.Description
}

func place(s *runtime.StackTrace) string {
	if s == nil || len(s.CallFrames) == 0 {
		return "no place known"
	}
	f := s.CallFrames[0]
	return fmt.Sprintf("%s:%d", f.URL, f.LineNumber+1)
}
