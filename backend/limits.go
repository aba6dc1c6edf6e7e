package main

import (
	"flag"
	"fmt"
	"time"
)

// limits are how much clients may ask of the backend.
type limits struct {
	maxObject     byteSize
	maxStore      byteSize
	maxUploads    int
	rate          int // requests a second
	headerTimeout time.Duration
	stallTimeout  time.Duration
	idleTimeout   time.Duration
	drainDelay    time.Duration
}

var defaultLimits = limits{
	maxObject: 1 << 30, maxUploads: 64, rate: 500,
	headerTimeout: 10 * time.Second, stallTimeout: time.Minute, idleTimeout: 2 * time.Minute,
}

// flags adds a flag for each limit; its present value is the default.
func (l *limits) flags(fs *flag.FlagSet) {
	fs.Var(&l.maxObject, "max-object", "largest object, in `bytes`, or with the unit k, m or g")
	fs.Var(&l.maxStore, "max-store", "`bytes` that all files may have together, also with the unit k, m or g; 0 for what the disk has")
	fs.IntVar(&l.maxUploads, "max-uploads", l.maxUploads, "`uploads` at once, over HTTP and the WebSocket together; one more gets 503")
	fs.IntVar(&l.rate, "rate", l.rate, "`requests` a second that may come from one address of another machine; more get 429. 0 for any number")
	fs.DurationVar(&l.headerTimeout, "header-timeout", l.headerTimeout, "`time` in which a client must send the header of a request")
	fs.DurationVar(&l.stallTimeout, "stall-timeout", l.stallTimeout, "`time` in which a client must send or receive 256 KB, or the rest of a body")
	fs.DurationVar(&l.idleTimeout, "idle-timeout", l.idleTimeout, "`time` after which a connection without requests is closed")
	fs.DurationVar(&l.drainDelay, "drain-delay", l.drainDelay, "`time` from the signal to end, when /readyz begins to answer 503, until no more connections are taken: longer than a load balancer takes to notice")
}

func (l limits) check() error {
	switch {
	case l.maxObject < 1:
		return fmt.Errorf("-max-object %d is too small: use at least 1 (byte)", l.maxObject)
	case l.maxUploads < 1:
		return fmt.Errorf("-max-uploads %d is too small: use at least 1", l.maxUploads)
	case l.drainDelay < 0 || l.drainDelay > time.Minute:
		return fmt.Errorf("-drain-delay %v is not within 0s and 1m", l.drainDelay)
	case l.rate < 0:
		return fmt.Errorf("-rate %d is negative: use 0 for any number of requests", l.rate)
	}
	for name, timeout := range map[string]time.Duration{"header": l.headerTimeout, "stall": l.stallTimeout, "idle": l.idleTimeout} {
		if timeout < time.Second {
			return fmt.Errorf("-%s-timeout %v is too short: use at least 1s", name, timeout)
		}
	}
	return nil
}
