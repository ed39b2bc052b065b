package metrics

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// status is an HTTP status, number and words; "" means none yet.
type status string

const (
	statusOK          status = "200 OK"
	statusBadRequest  status = "400 Bad Request"
	statusNotFound    status = "404 Not Found"
	statusNotAllowed  status = "405 Method Not Allowed"
	statusHeadTooLong status = "431 Request Header Fields Too Large"
	statusFault       status = "500 Internal Server Error"
	statusVersion     status = "505 HTTP Version Not Supported"
)

// request is the part of an HTTP request that matters here. There are no bodies: nothing
// after the head is read.
type request struct{ method, path string }

// errSilent means that a client has sent nothing, so it gets no answer.
var errSilent = errors.New("no request")

// readHead reads the head of a request, up to the empty line, at most maxHead bytes.
// If the client stops earlier, it returns what there is.
func readHead(in io.Reader) (head []byte, complete bool, err error) {
	buffer := make([]byte, maxHead)
	for n := 0; n < len(buffer); {
		read, err := in.Read(buffer[n:])
		from := max(0, n-3) // the end may have arrived in two pieces
		n += read
		if end, length := findEnd(buffer[from:n]); end >= 0 {
			return buffer[:from+end+length], true, nil
		}
		switch {
		case err == nil:
		case n == 0:
			return nil, false, errSilent
		default:
			return buffer[:n], false, nil
		}
	}
	return buffer, false, nil
}

// findEnd finds an empty line. Lines may end without a carriage return (RFC 9112,
// section 2.2).
func findEnd(text []byte) (at, length int) {
	at, length = -1, 0
	for _, end := range []string{"\r\n\r\n", "\n\n", "\n\r\n"} {
		if i := bytes.Index(text, []byte(end)); i >= 0 && (at < 0 || i < at) {
			at, length = i, len(end)
		}
	}
	return at, length
}

// parseHead parses the complete head of a request (RFC 9112, sections 2 to 5), or returns
// the status to answer with instead.
func parseHead(head string) (request, status) {
	lines := strings.Split(strings.ReplaceAll(head, "\r\n", "\n"), "\n")
	words := strings.Split(lines[0], " ")
	if len(words) != 3 || !isToken(words[0]) || !strings.HasPrefix(words[2], "HTTP/") {
		return request{}, statusBadRequest
	}
	if words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0" {
		return request{}, statusVersion
	}
	hosts := 0
	for _, line := range lines[1:] {
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) || strings.ContainsFunc(value, isControl) {
			return request{}, statusBadRequest
		}
		if strings.EqualFold(name, "Host") {
			hosts++
		}
	}
	if hosts > 1 || hosts == 0 && words[2] == "HTTP/1.1" {
		return request{}, statusBadRequest
	}
	path, ok := pathOf(words[1])
	if !ok {
		return request{}, statusBadRequest
	}
	return request{words[0], path}, ""
}

// pathOf returns the path of a request's target, which is either an absolute URL or
// begins with the path.
func pathOf(target string) (string, bool) {
	if rest, ok := strings.CutPrefix(target, "http://"); ok {
		_, path, _ := strings.Cut(rest, "/")
		target = "/" + path
	}
	path, _, _ := strings.Cut(target, "?")
	return path, strings.HasPrefix(path, "/") && !strings.ContainsFunc(path, isControl)
}

// isToken reports whether a method or field name is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
