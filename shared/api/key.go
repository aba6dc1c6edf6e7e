package api

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxKeyBytes is the length of the longest key, in bytes of UTF-8.
const MaxKeyBytes = 1024

// CheckKey reports why key cannot name an object, or nil.
// A key is a byte-exact, case-sensitive UTF-8 string of 1 to [MaxKeyBytes]
// bytes without control characters; nothing else in it is special.
func CheckKey(key string) error {
	switch {
	case key == "":
		return Errorf(Invalid, "the key is empty: give the object a name of 1 to %d bytes", MaxKeyBytes)
	case len(key) > MaxKeyBytes:
		return Errorf(Invalid, "the key is %d bytes long: the longest allowed is %d bytes", len(key), MaxKeyBytes)
	case !utf8.ValidString(key):
		return Errorf(Invalid, "the key %q is not valid UTF-8: encode it as UTF-8", key)
	}
	for i, r := range key {
		if unicode.IsControl(r) {
			return Errorf(Invalid, "the key %q has the control character %U at byte %d: remove it", key, r, i)
		}
	}
	return nil
}

// ObjectsPath is where the objects' bytes are served.
const ObjectsPath = "/objects"

// ThumbnailsPath is where small pictures of the objects are served.
const ThumbnailsPath = Base + "/thumbnails"

// ObjectPath returns the URL path (with its query, if it needs one) of the
// object's bytes: /objects/KEY, or /objects?key=KEY for the keys that a path
// does not carry unharmed through browsers and proxies.
func ObjectPath(key string) string {
	if !pathSafe(key) {
		return ObjectsPath + "?key=" + url.QueryEscape(key)
	}
	segments := strings.Split(key, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return ObjectsPath + "/" + strings.Join(segments, "/")
}

// ThumbnailPath returns the URL of a small picture of the object, whose longer
// side has at most size pixels: 128, 256 or 512. It names the content as well, so
// that the browser need not ask again whether it still holds.
func ThumbnailPath(o Object, size int) string {
	return fmt.Sprintf("%s?key=%s&size=%d&v=%s", ThumbnailsPath, url.QueryEscape(o.Key), size, url.QueryEscape(strings.Trim(o.ETag, `"`)))
}

// ViewPath returns the URL of the page that shows the object.
func ViewPath(key string) string {
	return "/object?key=" + url.QueryEscape(key)
}

// pathSafe tells whether every segment of key survives URL normalization:
// none is empty, "." or "..", and no backslash can be taken for a slash.
func pathSafe(key string) bool {
	for s := range strings.SplitSeq(key, "/") {
		if s == "" || s == "." || s == ".." {
			return false
		}
	}
	return !strings.Contains(key, `\`)
}

// FormatBytes writes n for people: "0 B", "12.4 MB". A MB is 1,048,576 bytes.
func FormatBytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	units := []string{"KB", "MB", "GB", "TB", "PB", "EB"}
	v, u := float64(n)/1024, 0
	for v >= 999.95 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	return fmt.Sprintf("%.1f %s", v, units[u])
}
