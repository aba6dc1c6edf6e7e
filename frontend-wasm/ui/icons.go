package ui

import "github.com/maxence-charriere/go-app/v9/pkg/app"

// The icons, drawn for this project on a grid of 24 with lines of the text's
// colour. They are decoration: what they stand for is always written too.
var icons = map[string]string{
	"objects":  `<path d="M4 7.5 12 3.5l8 4v9l-8 4-8-4z"/><path d="m4 7.5 8 4 8-4M12 11.5v9"/>`,
	"cache":    `<rect x="6.5" y="6.5" width="11" height="11" rx="2.5"/><path d="M10 3.5v3M14 3.5v3M10 17.5v3M14 17.5v3M3.5 10h3M3.5 14h3M17.5 10h3M17.5 14h3"/>`,
	"stats":    `<path d="M4 4v14a2 2 0 0 0 2 2h14"/><path d="m7.5 14.5 3.5-4 3 2.5 5-6"/>`,
	"lab":      `<path d="M9.5 3.5v6L4.6 17.6a2 2 0 0 0 1.7 2.9h11.4a2 2 0 0 0 1.7-2.9L14.5 9.5v-6M8 3.5h8M7.5 14.5h9"/>`,
	"upload":   `<path d="M12 15V4.5M7.5 8.5 12 4l4.5 4.5"/><path d="M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3"/>`,
	"download": `<path d="M12 4v10.5M7.5 10.5 12 15l4.5-4.5"/><path d="M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3"/>`,
	"search":   `<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>`,
	"trash":    `<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 12.5h9l1-12.5M10 11v5M14 11v5"/>`,
	"list":     `<path d="M9 6.5h11M9 12h11M9 17.5h11M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01"/>`,
	"grid":     `<rect x="4" y="4" width="6.5" height="6.5" rx="1.5"/><rect x="13.5" y="4" width="6.5" height="6.5" rx="1.5"/><rect x="4" y="13.5" width="6.5" height="6.5" rx="1.5"/><rect x="13.5" y="13.5" width="6.5" height="6.5" rx="1.5"/>`,
	"rename":   `<path d="M4 20h4L19.5 8.5a2.1 2.1 0 0 0-3-3L5 17z"/><path d="m14.5 7.5 3 3"/>`,
	"terminal": `<rect x="3.5" y="5" width="17" height="14" rx="2.5"/><path d="m7 10 2.5 2L7 14M12 15h4.5"/>`,
	"plus":     `<path d="M12 5v14M5 12h14"/>`,
	"minus":    `<path d="M5 12h14"/>`,
	"close":    `<path d="m6.5 6.5 11 11M17.5 6.5l-11 11"/>`,
	"again":    `<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4v5h-5"/>`,
	"replace":  `<path d="M4 9h13.5M14 5.5 17.5 9 14 12.5M20 15H6.5M10 11.5 6.5 15l3.5 3.5"/>`,
	"copy":     `<path d="M10 14a4 4 0 0 0 5.7.3l3.2-3.2a4 4 0 0 0-5.7-5.7l-1.4 1.4"/><path d="M14 10a4 4 0 0 0-5.7-.3l-3.2 3.2a4 4 0 0 0 5.7 5.7l1.4-1.4"/>`,
	"share":    `<circle cx="6.5" cy="12" r="2.5"/><circle cx="17" cy="6" r="2.5"/><circle cx="17" cy="18" r="2.5"/><path d="m8.8 10.8 6-3.5M8.8 13.2l6 3.5"/>`,
	"broom":    `<path d="M12 3v8M7.5 11h9l2 9h-13zM10 16v4M14 16v4"/>`,
	"back":     `<path d="M19 12H5.5M11 6l-6 6 6 6"/>`,
	"image":    `<rect x="4" y="5" width="16" height="14" rx="2.5"/><circle cx="9" cy="10" r="1.6"/><path d="m5 17 5-4.5 3 2.5 3-3 4 4"/>`,
	"video":    `<rect x="3.5" y="6" width="12" height="12" rx="2.5"/><path d="m15.5 11 5-3v8l-5-3z"/>`,
	"audio":    `<path d="M9 17.5V6l10-2v11.5"/><circle cx="6.5" cy="17.5" r="2.5"/><circle cx="16.5" cy="15.5" r="2.5"/>`,
	"text":     `<path d="M7 3.5h7l4 4v13H7a1 1 0 0 1-1-1v-15a1 1 0 0 1 1-1z"/><path d="M9 11h6M9 14h6M9 17h4"/>`,
	"pdf":      `<path d="M7 3.5h7l4 4v13H7a1 1 0 0 1-1-1v-15a1 1 0 0 1 1-1z"/><path d="M14 3.5v4h4M9 17c2-1 3.5-4 3-6.5 1 3 2 4.5 3.5 5"/>`,
	"file":     `<path d="M7 3.5h7l4 4v13H7a1 1 0 0 1-1-1v-15a1 1 0 0 1 1-1z"/><path d="M14 3.5v4h4"/>`,
	"warn":     `<path d="M12 4 2.8 19.5h18.4z"/><path d="M12 10v4M12 16.8v.2"/>`,
	"memory":   `<path d="M13 3 5 13.5h6L10.5 21 19 10.5h-6.5z"/>`,
	"disk":     `<ellipse cx="12" cy="6.5" rx="7.5" ry="3"/><path d="M4.5 6.5v11c0 1.7 3.4 3 7.5 3s7.5-1.3 7.5-3v-11M4.5 12c0 1.7 3.4 3 7.5 3s7.5-1.3 7.5-3"/>`,
	"key":      `<circle cx="8" cy="16" r="4.5"/><path d="M11.2 12.8 20 4M16.5 7.5l3 3M13.5 10.5l2 2"/>`,
	"gear":     `<circle cx="12" cy="12" r="3"/><path d="M12 3.5v3M12 17.5v3M3.5 12h3M17.5 12h3M6 6l2.1 2.1M15.9 15.9 18 18M18 6l-2.1 2.1M8.1 15.9 6 18"/>`,
	"check":    `<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
	"open":     `<path d="M13.5 4.5h6v6M19 5l-8 8M17 14v4.5a1.5 1.5 0 0 1-1.5 1.5h-10A1.5 1.5 0 0 1 4 18.5v-10A1.5 1.5 0 0 1 5.5 7H10"/>`,
}

func icon(name string) app.UI {
	return app.Raw(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + icons[name] + `</svg>`)
}

// mark is the logo: the chip of the app's icon, a key in, the bytes out.
func mark() app.UI {
	return app.Raw(`<svg class="mark" viewBox="0 0 64 64" aria-hidden="true" focusable="false">` +
		`<rect width="64" height="64" rx="15" fill="#3056d3"/>` +
		`<g stroke="#b9c8ff" stroke-width="3.5" stroke-linecap="round">` +
		`<path d="M24 10v6M32 10v6M40 10v6M24 48v6M32 48v6M40 48v6"/>` +
		`<path d="M10 24h6M10 32h6M10 40h6M48 24h6M48 32h6M48 40h6"/></g>` +
		`<rect x="16" y="16" width="32" height="32" rx="7" fill="#fff"/>` +
		`<path d="M32 23.5a5.5 5.5 0 0 1 2.9 10.17l1.5 6.03a1.4 1.4 0 0 1-1.36 1.74h-6.08a1.4 1.4 0 0 1-1.36-1.74l1.5-6.03A5.5 5.5 0 0 1 32 23.5z" fill="#3056d3"/></svg>`)
}
