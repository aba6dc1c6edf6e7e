// Package metrics counts and times what the backend does, for Prometheus.
//
// Every name begins with memcache_; units are seconds and bytes. Labels take
// values from fixed sets alone (routes, operations, results), so that no client
// can make the number of series grow: a method that no route has is "other".
package metrics

import (
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"memcache/backend/internal/storage"
)

// Metrics is a registry of its own. Its methods may be called at any time, by
// many goroutines.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec   // route, method, status
	duration *prometheus.HistogramVec // route, method
	sent     *prometheus.CounterVec   // route
	database *prometheus.HistogramVec // operation
	store    *prometheus.HistogramVec // operation
	failures *prometheus.CounterVec   // part, operation
	damaged  prometheus.Counter
	missing  prometheus.Counter
	jobs     *prometheus.HistogramVec // job
	jobFails *prometheus.CounterVec   // job

	reads reads

	mu     sync.RWMutex // guards series
	series map[labels]series
}

// latency are the buckets of durations: from a hit in memory, some 50 µs, to
// what nobody waits for, each about three times the one before.
var latency = []float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10}

// New returns metrics with those of the Go runtime and the process among them.
func New(version string) *Metrics {
	m := &Metrics{
		series:   make(map[labels]series),
		registry: prometheus.NewRegistry(),
		requests: counter("http_requests_total", "HTTP requests answered.", "route", "method", "status"),
		duration: histogram("http_request_duration_seconds", "Time from the end of a request's header to the end of its reply.", "route", "method"),
		sent:     counter("http_response_bytes_total", "Bytes of the bodies of replies.", "route"),
		database: histogram("database_duration_seconds", "Time that operations of the database took.", "operation"),
		store:    histogram("store_duration_seconds", "Time that operations of the blob store took; of a write, with waiting for the client.", "operation"),
		failures: counter("part_failures_total", "Operations of the database and the blob store that failed.", "part", "operation"),
		damaged:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "damaged_blobs_total", Help: "Blobs that were found damaged and moved to quarantine."}),
		missing:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "missing_blobs_total", Help: "Blobs that were to be read and were not there."}),
		jobs:     histogram("job_duration_seconds", "Time that runs of scheduled jobs took.", "job"),
		jobFails: counter("job_failures_total", "Runs of scheduled jobs that failed.", "job"),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the version is a label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(
		m.requests, m.duration, m.sent, &m.reads, m.database, m.store, m.failures, m.damaged, m.missing, m.jobs, m.jobFails, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

const namespace = "memcache"

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: latency}, labels)
}

// Handler answers with all metrics, as Prometheus asks for them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Gauge adds a value that is read whenever metrics are asked for. The name
// comes without "memcache_" and must be new.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// Request counts an answered request. route is the pattern, never the path.
func (m *Metrics) Request(route, method string, status int, bytes int64, took time.Duration) {
	s := m.seriesOf(labels{route, known(method), status})
	s.requests.Inc()
	if s.duration != nil {
		s.duration.Observe(took.Seconds())
	}
	s.sent.Add(float64(bytes))
}

// labels are those of an answered request.
type labels struct {
	route, method string
	status        int
}

// series are what counts requests with the same labels. They are remembered,
// because to find them by their labels costs more than to count.
type series struct {
	requests, sent prometheus.Counter
	duration       prometheus.Observer // nil for a WebSocket: how long it was open is no latency
}

func (m *Metrics) seriesOf(l labels) series {
	m.mu.RLock()
	s, ok := m.series[l]
	m.mu.RUnlock()
	if ok {
		return s
	}
	s = series{
		requests: m.requests.WithLabelValues(l.route, l.method, strconv.Itoa(l.status)),
		sent:     m.sent.WithLabelValues(l.route),
	}
	if l.status != http.StatusSwitchingProtocols {
		s.duration = m.duration.WithLabelValues(l.route, l.method)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[l] = s
	return s
}

func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// Damaged counts a blob that was moved to quarantine.
func (m *Metrics) Damaged() { m.damaged.Inc() }

// Job counts a run of a scheduled job.
func (m *Metrics) Job(name string, took time.Duration, err error) {
	m.jobs.WithLabelValues(name).Observe(took.Seconds())
	if err != nil {
		m.jobFails.WithLabelValues(name).Inc()
	}
}

// observe times an operation of a part. That something is not there, or that a
// change is fenced off, is an answer, not a failure.
func (m *Metrics) observe(part string, durations *prometheus.HistogramVec, operation string, began time.Time, err error) {
	durations.WithLabelValues(operation).Observe(time.Since(began).Seconds())
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, storage.ErrFenced) {
		m.failures.WithLabelValues(part, operation).Inc()
	}
}
