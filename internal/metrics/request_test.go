package metrics

import (
	"bufio"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParseHead(t *testing.T) {
	for head, want := range map[string]request{
		"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n":                             {"GET", "/metrics"},
		"HEAD / HTTP/1.0\n\n":                                                  {"HEAD", "/"},
		"GET /metrics?a=b HTTP/1.1\nhost:x\nAccept: text/plain;q=0.5\r\n\r\n":  {"GET", "/metrics"},
		"GET http://proxy:80/metrics HTTP/1.1\r\nHOST: x\r\n\r\n":              {"GET", "/metrics"},
		"GET http://proxy HTTP/1.1\r\nHost:\r\n\r\n":                           {"GET", "/"},
		"POST /a%20b HTTP/1.1\r\nHost: x\r\nX: \t tab\r\n\r\n":                 {"POST", "/a%20b"},
		"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Bytes: \xff\xfe\r\n\r\nHost: y": {"GET", "/metrics"},
	} {
		if got, refusal := parseHead(head); got != want || refusal != "" {
			t.Errorf("%q is %+v, %q", head, got, refusal)
		}
	}
	for head, want := range map[string]status{
		"\r\n\r\n":             statusBadRequest,
		"GET /metrics\r\n\r\n": statusBadRequest,
		"GET  /metrics HTTP/1.1\r\nHost: x\r\n\r\n":             statusBadRequest,
		"GET /metrics HTTP/1.1 \r\nHost: x\r\n\r\n":             statusBadRequest,
		"GET /metrics HTTP/1.1\r\n\r\n":                         statusBadRequest,
		"GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n":   statusBadRequest,
		"GET /metrics HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n":   statusBadRequest,
		"GET /metrics HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n":     statusBadRequest,
		"GET /metrics HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n":   statusBadRequest,
		"GET /metrics HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n": statusBadRequest,
		"G(T /metrics HTTP/1.1\r\nHost: x\r\n\r\n":              statusBadRequest,
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n":                 statusBadRequest,
		"GET /metrics HTTP/2.0\r\nHost: x\r\n\r\n":              statusVersion,
		"GET /metrics HTTP/1.10\r\nHost: x\r\n\r\n":             statusVersion,
	} {
		if got, refusal := parseHead(head); refusal != want {
			t.Errorf("%q is %+v, %q, want %q", head, got, refusal, want)
		}
	}
}

func TestReadHead(t *testing.T) {
	long := strings.Repeat("x", maxHead)
	for _, test := range []struct {
		sent, head string
		complete   bool
	}{
		{"GET\r\n\r\n", "GET\r\n\r\n", true},
		{"GET\n\nrest", "GET\n\n", true},
		{"GET\n\r\nrest\r\n\r\n", "GET\n\r\n", true},
		{"GET", "GET", false},
		{long, long, false},
		{long + "\r\n\r\n", long, false},
		{long[4:] + "\r\n\r\n", long[4:] + "\r\n\r\n", true},
	} {
		for _, in := range []io.Reader{strings.NewReader(test.sent), iotest.OneByteReader(strings.NewReader(test.sent))} {
			head, complete, err := readHead(in)
			want := test.head
			if !strings.HasPrefix(string(head), want) || complete != test.complete || err != nil || len(head) > len(want) {
				t.Errorf("of %.20q, %.20q is read, %v, %v", test.sent, head, complete, err)
			}
		}
	}
	if _, _, err := readHead(strings.NewReader("")); err != errSilent {
		t.Errorf("of nothing, %v", err)
	}
}

// FuzzReply answers anything with what the standard library takes for an answer, and
// tells the metrics to nobody whom that would not have taken for one who asks.
func FuzzReply(f *testing.F) {
	f.Add("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
	f.Add("HEAD /metrics HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n")
	f.Add("GET http://x/ HTTP/1.0\n\n")
	f.Add("PRI * HTTP/2.0\r\n\r\n")
	source, _ := newSource()
	server := &Server{source: source, log: slog.New(slog.DiscardHandler)}
	f.Fuzz(func(t *testing.T, sent string) {
		head, complete, err := readHead(strings.NewReader(sent))
		if err != nil || !complete {
			return
		}
		answer := server.reply(string(head))
		theirs, err := http.ReadRequest(bufio.NewReader(strings.NewReader(sent)))
		asked := &http.Request{Method: "GET"}
		if err == nil {
			asked = theirs
		}
		read, readErr := http.ReadResponse(bufio.NewReader(strings.NewReader(string(answer))), asked)
		if readErr != nil {
			t.Fatalf("%q is answered with %q: %v", sent, answer, readErr)
		}
		defer read.Body.Close()
		body, bodyErr := io.ReadAll(read.Body)
		if bodyErr != nil {
			t.Fatalf("%q is answered with %q: %v", sent, answer, bodyErr)
		}
		if strings.Contains(string(body), "build_info") && (err != nil || theirs.Method != "GET" || theirs.URL.Path != "/metrics") {
			t.Errorf("%q is told the metrics: %v", sent, err)
		}
	})
}
