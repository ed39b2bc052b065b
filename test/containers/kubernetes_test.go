package containers

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"uring-socket-proxyd/test/lib/harness"
)

// object is of the Kubernetes example what is looked at.
type object struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Selector any
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Grace           int `yaml:"terminationGracePeriodSeconds"`
				SecurityContext struct {
					RunAsNonRoot   bool `yaml:"runAsNonRoot"`
					RunAsUser      int  `yaml:"runAsUser"`
					SeccompProfile struct {
						Type    string
						Profile string `yaml:"localhostProfile"`
					} `yaml:"seccompProfile"`
				} `yaml:"securityContext"`
				Containers []struct {
					Image           string
					Args            []string
					SecurityContext struct {
						ReadOnly     bool                    `yaml:"readOnlyRootFilesystem"`
						Escalation   *bool                   `yaml:"allowPrivilegeEscalation"`
						Capabilities struct{ Drop []string } `yaml:"capabilities"`
					} `yaml:"securityContext"`
				}
			}
		}
	}
}

// TestKubernetes reads the example and has the program read the arguments in it.
func TestKubernetes(t *testing.T) {
	text, err := os.ReadFile("../../dist/oci/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, o.Kind)
		if o.Kind != "Service" {
			checkPods(t, &o)
		}
	}
	if want := []string{"Deployment", "Service", "DaemonSet"}; !slices.Equal(kinds, want) {
		t.Errorf("it has %q, want %q", kinds, want)
	}
}

func checkPods(t *testing.T, o *object) {
	t.Helper()
	pod := &o.Spec.Template.Spec
	security := pod.SecurityContext
	if o.APIVersion != "apps/v1" || !security.RunAsNonRoot || security.RunAsUser == 0 ||
		security.SeccompProfile.Type != "Localhost" || security.SeccompProfile.Profile == "" {
		t.Errorf("%s %s: %+v", o.Kind, o.Metadata.Name, security)
	}
	if len(pod.Containers) != 1 {
		t.Fatalf("%s has %d containers", o.Kind, len(pod.Containers))
	}
	container := &pod.Containers[0]
	if s := container.SecurityContext; !s.ReadOnly || s.Escalation == nil || *s.Escalation || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("%s: %+v", o.Kind, s)
	}
	if !slices.Contains(container.Args, "--drain-timeout=45s") || pod.Grace <= 45 {
		t.Errorf("%s is killed after %d s, which is not after its drain time: %q", o.Kind, pod.Grace, container.Args)
	}
	// Whatever is before --version is read and checked.
	program := harness.Epoll.Plain().Executable(t)
	if out, err := exec.Command(program, append(container.Args, "--version")...).CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "uring-socket-proxyd ") {
		t.Errorf("%s: the program refuses %q: %v: %s", o.Kind, container.Args, err, out)
	}
}

// TestContainerfile holds the recipe to what TestInContainer runs.
func TestContainerfile(t *testing.T) {
	text, err := os.ReadFile("../../dist/oci/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CGO_ENABLED=0 go build -trimpath -ldflags='-checklinkname=0 -s -w -E=_preflight' ", "\nFROM scratch\n", "\nUSER 65532:65532\n", "ENTRYPOINT [\"/uring-socket-proxyd\"]"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the recipe lacks %q", want)
		}
	}
}
