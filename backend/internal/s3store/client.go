package s3store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithy "github.com/aws/smithy-go/middleware"
)

// How long S3 is waited for.
const (
	dialWithin = 5 * time.Second
	// silentFor is how long S3 may send nothing while it is asked or read. A part is
	// sent within that, too.
	silentFor = time.Minute
	// tries is how often a request is sent that fails in a way that may pass: 503, a
	// timeout, a lost connection.
	tries       = 5
	longestWait = 3 * time.Second // between two of them
	idleConns   = 64
)

// newClient returns a client with the default credential chain of AWS: the
// environment, the files in ~/.aws, the role of the container or machine.
// What idle closes are its connections that wait for a request.
func newClient(ctx context.Context, at Location) (client *s3.Client, idle func(), err error) {
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().WithReadTimeout(silentFor).
			WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialWithin }).
			WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = idleConns })),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = tries, longestWait })
		}),
	}
	switch {
	case at.Region != "":
		options = append(options, config.WithRegion(at.Region))
	case at.Endpoint != "":
		options = append(options, config.WithDefaultRegion("us-east-1")) // which others than AWS take for any
	default:
		options = append(options, config.WithEC2IMDSRegion())
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("read the settings of AWS: %w", err)
	}
	if c.Region == "" {
		return nil, nil, errors.New("the region is not known: add ?region=… to -store, or set AWS_REGION")
	}
	idle = func() {}
	if built, ok := c.HTTPClient.(*awshttp.BuildableClient); ok { // with the certificates of AWS_CA_BUNDLE by now
		c.HTTPClient = built.Freeze()
	}
	if line, ok := c.HTTPClient.(*http.Client); ok {
		idle = line.CloseIdleConnections
	}
	return s3.NewFromConfig(c, func(o *s3.Options) {
		if at.Endpoint != "" {
			o.BaseEndpoint, o.UsePathStyle = &at.Endpoint, true
		}
		o.DisableLogOutputChecksumValidationSkipped = true
	}), idle, nil
}

// serverTime is what S3's clock showed when it answered, or a moment later: it is told
// in whole seconds, by some servers a second late.
func serverTime(m smithy.Metadata) time.Time {
	if t, ok := middleware.GetServerTime(m); ok && !t.IsZero() {
		return t.Add(2 * time.Second)
	}
	return time.Now()
}
