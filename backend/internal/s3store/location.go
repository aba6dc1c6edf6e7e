package s3store

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Location is where blobs are kept on S3.
type Location struct {
	Bucket   string
	Prefix   string // "" or ending in a slash
	Region   string // "" for what the environment says
	Endpoint string // http:// or https:// and a host; "" for AWS
}

// example is what a location may look like.
const example = "s3://bucket/prefix?region=eu-central-1"

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixName = regexp.MustCompile(`^[A-Za-z0-9!_.*'()/-]{0,512}$`) // what every S3 takes unharmed
	regionName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
)

// Parse reads a location: s3://bucket/prefix?region=…&endpoint=…, of which all
// after the bucket may be left out.
func Parse(text string) (Location, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Location{}, fmt.Errorf("it cannot be read as %s can", example) // the error would tell the text
	}
	l := Location{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	switch {
	case u.Scheme != "s3":
		return Location{}, fmt.Errorf("it does not begin with s3://, as %s does", example)
	case u.User != nil:
		return Location{}, errors.New("it has credentials in it: leave them out, and give them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by a role")
	case u.Fragment != "":
		return Location{}, errors.New("it has a # in it: leave it out")
	case !bucketName.MatchString(l.Bucket):
		return Location{}, fmt.Errorf("%q is no name of a bucket, which is 3 to 63 of a-z, 0-9, dots and hyphens", l.Bucket)
	case !prefixName.MatchString(l.Prefix) || badSegment(l.Prefix):
		return Location{}, fmt.Errorf("the prefix %q is too long, or has an empty segment, . or .., or more in it than letters, digits and !_.*'()-/", l.Prefix)
	}
	if l.Prefix != "" {
		l.Prefix += "/"
	}
	if err := l.parameters(u.RawQuery); err != nil {
		return Location{}, err
	}
	return l, nil
}

func badSegment(prefix string) bool {
	return prefix != "" && slices.ContainsFunc(strings.Split(prefix, "/"), func(s string) bool { return s == "" || s == "." || s == ".." })
}

func (l *Location) parameters(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("what follows the ? cannot be read: it is region=… and endpoint=…, with & between them")
	}
	for name, given := range values {
		switch {
		case len(given) > 1:
			return fmt.Errorf("it has %s more than once", name)
		case name == "region" && regionName.MatchString(given[0]):
			l.Region = given[0]
		case name == "region":
			return fmt.Errorf("%q is no name of a region, as eu-central-1 is", given[0])
		case name == "endpoint":
			if l.Endpoint, err = endpoint(given[0]); err != nil {
				return err
			}
		default:
			return fmt.Errorf("it has the parameter %q, of which there are region and endpoint", name)
		}
	}
	return nil
}

func endpoint(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("its endpoint is not http:// or https:// and a host, perhaps with a port, as https://s3.example.com is")
	}
	return u.Scheme + "://" + u.Host, nil
}

// String is the location as Parse reads it.
func (l Location) String() string {
	text := "s3://" + l.Bucket
	if l.Prefix != "" {
		text += "/" + strings.TrimSuffix(l.Prefix, "/")
	}
	parameters := make(url.Values)
	if l.Region != "" {
		parameters.Set("region", l.Region)
	}
	if l.Endpoint != "" {
		parameters.Set("endpoint", l.Endpoint)
	}
	if len(parameters) > 0 {
		text += "?" + parameters.Encode()
	}
	return text
}
