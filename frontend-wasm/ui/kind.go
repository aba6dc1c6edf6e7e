package ui

import "strings"

// kind is the manner in which an object is shown.
type kind string

const (
	kindImage kind = "image"
	kindVideo kind = "video"
	kindAudio kind = "audio"
	kindText  kind = "text"
	kindPDF   kind = "pdf"
	kindOther kind = "file"
)

// textTypes are the types outside text/ that are text.
var textTypes = map[string]bool{
	"application/json":         true,
	"application/javascript":   true,
	"application/xml":          true,
	"application/x-ndjson":     true,
	"application/geo+json":     true,
	"application/x-sh":         true,
	"application/x-httpd-php":  true,
	"application/x-subrip":     true,
	"application/x-yaml":       true,
	"application/toml":         true,
	"application/sql":          true,
	"application/x-javascript": true,
}

// kindOf tells how an object of the media type is shown. HTML is shown as the
// text it is, so that it never runs among our pages.
func kindOf(mediaType string) kind {
	t, _, _ := strings.Cut(mediaType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	main, sub, _ := strings.Cut(t, "/")
	switch {
	case main == "image" && sub != "x-xcf" && sub != "vnd.adobe.photoshop":
		return kindImage
	case main == "video":
		return kindVideo
	case main == "audio" || t == "application/ogg":
		return kindAudio
	case t == "application/pdf":
		return kindPDF
	case main == "text" || textTypes[t] || strings.HasSuffix(sub, "+json") || strings.HasSuffix(sub, "+xml"):
		return kindText
	}
	return kindOther
}

// kindName is what a sentence calls an object of the kind.
func kindName(k kind) string {
	switch k {
	case kindImage:
		return t("image")
	case kindVideo:
		return t("video")
	case kindAudio:
		return t("sound")
	}
	return t("file")
}

// typeName writes a media type for people: without its parameters.
func typeName(mediaType string) string {
	name, _, _ := strings.Cut(mediaType, ";")
	if name = strings.TrimSpace(name); name == "" {
		return t("unknown type")
	}
	return name
}

// isSVG tells whether the type is an image that can hold scripts.
func isSVG(mediaType string) bool {
	return strings.HasPrefix(strings.ToLower(mediaType), "image/svg")
}
