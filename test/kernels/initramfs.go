package kernels

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cavaliergopher/cpio"

	"uring-socket-proxyd/test/kernels/plan"
)

// program is the proxy's path in a guest.
const program = "/bin/uring-socket-proxyd"

// busybox is the shell, and what else tests call by name.
const busybox = "/bin/busybox"

// tree writes a guest's first file system. The first error stays.
type tree struct {
	out  *cpio.Writer
	made map[string]bool
	err  error
}

// writeInitramfs writes what a guest boots with. built is where the executables are.
func writeInitramfs(to io.Writer, built string, i image, p plan.Plan) error {
	t := &tree{out: cpio.NewWriter(to), made: map[string]bool{".": true}}
	t.shell()
	t.executable("/init", filepath.Join(built, "init"))
	t.executable(program, filepath.Join(built, "uring-socket-proxyd"))
	for _, s := range p.Suites {
		if s.Path != busybox {
			t.executable(s.Path, filepath.Join(built, filepath.Base(s.Path)))
		}
	}
	files, err := i.modulesOf(append(modules[:len(modules):len(modules)], i.Modules...))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := moduleText(file)
		if err != nil {
			return err
		}
		name := "/modules/" + strings.TrimSuffix(filepath.Base(file), ".xz")
		p.Modules = append(p.Modules, name)
		t.file(name, 0o644, text)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	t.file(plan.Path, 0o644, text)
	t.file("/etc/hosts", 0o644, []byte("127.0.0.1 localhost\n::1 localhost\n"))
	t.file("/etc/resolv.conf", 0o644, []byte("nameserver 127.0.0.1\n"))
	t.file("/etc/passwd", 0o644, []byte("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"))
	t.file("/etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\n"))
	return errors.Join(t.err, t.out.Close())
}

// shell puts busybox and its names in.
func (t *tree) shell() {
	file, err := elf.Open(busybox)
	if err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			t.err = errors.Join(t.err, fmt.Errorf("%s needs libraries, which a guest has not: install busybox-static", busybox))
		}
	}
	t.executable(busybox, busybox)
	names, err := output(busybox, "--list")
	t.err = errors.Join(t.err, err)
	for _, name := range strings.Fields(names) {
		if name != "busybox" {
			t.entry("/bin/"+name, cpio.TypeSymlink|0o777, []byte("busybox"))
		}
	}
}

func (t *tree) executable(name, from string) {
	text, err := os.ReadFile(from)
	t.err = errors.Join(t.err, err)
	t.file(name, 0o755, text)
}

func (t *tree) file(name string, permissions cpio.FileMode, text []byte) {
	t.entry(name, cpio.TypeReg|permissions, text)
}

// entry writes an entry after the directories that it is in. The text of a link is
// what it leads to.
func (t *tree) entry(name string, mode cpio.FileMode, text []byte) {
	name = strings.TrimPrefix(name, "/")
	if directory := filepath.Dir(name); !t.made[directory] {
		t.made[directory] = true
		t.entry(directory, cpio.TypeDir|0o755, nil)
	}
	if t.err != nil {
		return
	}
	header := &cpio.Header{Name: name, Mode: mode, Size: int64(len(text)), Links: 1}
	if t.err = t.out.WriteHeader(header); t.err == nil {
		_, t.err = t.out.Write(text)
	}
}
