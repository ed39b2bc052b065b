package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"time"

	"uring-socket-proxyd/bench/peer"
)

// featureScenarios are the scenarios in which io_uring's features make a difference.
var featureScenarios = []string{"echo-1", "echo-64", "echo-1000", "connect-8", "stream-1", "stream-16"}

// runFeatures is the subcommand features. It compares the proxy as it is with the proxy
// with one kernel feature switched: off if it is used, on if it is not.
func runFeatures(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	set := s.flags("features")
	if err := s.parse(set, args); err != nil {
		return err
	}
	if len(s.scenarios) == 0 {
		s.scenarios = featureScenarios
	}
	found, err := peer.Find([]string{"uring"}, s.proxy, s.gocopy)
	if err != nil {
		return err
	}
	uring := &found[0]
	if uring.Missing != "" {
		return fmt.Errorf("%s: %s", uring.Name, uring.Missing)
	}
	uring.Extra = s.uringArgs
	switches, err := toggles(ctx, s.proxy)
	if err != nil {
		return err
	}
	for _, toggle := range switches {
		found = append(found, found[0].Variant("uring "+toggle, "--ring-features="+toggle))
	}
	return s.measure(ctx, found, stdout, stderr)
}

// toggles returns what --ring-features= takes on this kernel, such as "-recv-multishot"
// for a feature that is used and "+sqpoll" for one that is there but not used.
func toggles(ctx context.Context, proxy string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, proxy, "--probe=json").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --probe=json: %w", proxy, err)
	}
	found, err := parseToggles(output)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s --probe=json names no feature that can be switched on this kernel", proxy)
	}
	return found, err
}

func parseToggles(probe []byte) (found []string, err error) {
	var answer struct {
		Features []struct {
			Toggle        string
			Present, Used bool
		}
	}
	if err := json.Unmarshal(probe, &answer); err != nil {
		return nil, fmt.Errorf("--probe=json: %w", err)
	}
	for _, feature := range answer.Features {
		switch {
		case feature.Toggle == "" || !feature.Present:
		case feature.Used:
			found = append(found, "-"+feature.Toggle)
		default:
			found = append(found, "+"+feature.Toggle)
		}
	}
	return found, nil
}
