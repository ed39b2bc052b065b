package activation

import "testing"

func TestNetAddress(t *testing.T) {
	for spec, want := range map[string][2]string{
		"80":                {"tcp", "[::]:80"},
		"127.0.0.1:80":      {"tcp", "127.0.0.1:80"},
		"[fe80::1]:80%eth0": {"tcp", "[fe80::1%eth0]:80"},
		"/run/x":            {"unix", "/run/x"},
		"@name":             {"unix", "@name"},
	} {
		if network, address, err := NetAddress(spec); err != nil || network != want[0] || address != want[1] {
			t.Errorf("NetAddress(%q) = %q, %q, %v; want %q", spec, network, address, err, want)
		}
	}
	for _, spec := range []string{"example.org:80", "vsock:2:80"} {
		if _, _, err := NetAddress(spec); err == nil {
			t.Errorf("%s was accepted", spec)
		}
	}
}
