package target

import (
	"strings"
	"testing"
)

// TestMisspelt has what is to be told instead of each target.
func TestMisspelt(t *testing.T) {
	for text, want := range map[string]string{
		"http://host:80":           `target "http://host:80": a URL is not a target; write host:80`,
		"http://host/":             "a URL is not a target; write host:80",
		"https://u:p@host/a:b?c#d": "write host:443",
		"tcp://[::1]:8080":         "write [::1]:8080",
		"tcp://[::1]":              "write [::1]:PORT",
		"http://":                  "write HOST:PORT, or /PATH",
		"://":                      "write HOST:PORT, or /PATH",
		"unix://run/x":             "a path must be absolute; write /run/x",
		"unix://":                  "write HOST:PORT, or /PATH",
		"unix:/":                   "the root directory is not a socket; write /PATH",
		"unix:@":                   "empty abstract name; write @NAME",
		"unix:run/x":               "write /run/x",
		"unix@/run/x":              "a host or port cannot contain a slash; write /run/x",
		"UNIX-CONNECT:/run/x":      "write /run/x",
		"127.0.0.1:80/":            "a host or port cannot contain a slash; write 127.0.0.1:80",
		"[::1]:80//":               "write [::1]:80",
		"localhost/":               "write localhost",
		"localhost:80/a/b":         "write localhost:80",
		"10.0.0.1/24":              "write 10.0.0.1",
		"host:/":                   "write HOST:PORT, or /PATH",
		"8080/tcp":                 "a port needs a host, and nothing after it; write localhost:8080",
		"8080/":                    "write localhost:8080",
		"host:8080/tcp":            "write host:8080",
		"./x":                      "a path must be absolute; write /PATH",
		"../x":                     "write /PATH",
		"~/x":                      "write /PATH",
		"run/x":                    "a path must be absolute; write /run/x",
		"run/x:80":                 "write /run/x:80",
		"run\xff/x":                "write /run\xff/x",
	} {
		if _, err := Parse(text); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Parse(%q): %v; want …%s", text, err, want)
		}
	}
}
