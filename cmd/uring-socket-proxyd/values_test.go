package main

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "1": 1, "0007": 7, "4096": 4096, "4K": 4096, "4k": 4096, "1M": 1 << 20, "32m": 32 << 20, "4G": 4 << 30, "4g": 4 << 30,
		"0K": 0, "18446744073709551615": math.MaxUint64, "18014398509481983K": math.MaxUint64 - 1023, "17179869183G": 17179869183 << 30,
	} {
		if got, ok := parseSize(text); got != want || !ok {
			t.Errorf("parseSize(%q) = %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", " ", "K", "M", "-1", "+1", " 1", "1 ", "1 K", "1.5M", "1e3", "1_000", "0x10", "1T", "1B", "1KB", "1KiB", "1KK", "K1", "1\n", "1\v", "1+", "٣",
		"18446744073709551616", "18014398509481984K", "17179869184G", strings.Repeat("9", 100) + "M",
	} {
		if got, ok := parseSize(text); ok {
			t.Errorf("parseSize(%q) = %d, want a refusal", text, got)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for bytes, want := range map[uint64]string{
		0: "0", 1: "1", 1023: "1023", 1024: "1K", 1025: "1025", 1 << 20: "1M", 1536 << 10: "1536K", 32 << 20: "32M", 4 << 30: "4G", 1 << 40: "1024G",
	} {
		if got := formatSize(bytes); got != want {
			t.Errorf("formatSize(%d) = %q, want %q", bytes, got, want)
		}
	}
}

func TestSizesAndWorkers(t *testing.T) {
	for _, test := range []struct {
		args             string
		workers          uint32
		bufferSize, pool uint64
	}{
		{"/x", 1, 1 << 20, 8 << 20},
		{"--workers=64 --buffer-size=4K --pool-size=1M /x", 64, 4 << 10, 1 << 20},
		{"--workers 2 --buffer-size 1g --pool-size 4294967296 /x", 2, 1 << 30, 4 << 30},
		{"--w=0x2 --buf=4097 --po=48m /x", 2, 4097, 48 << 20},
		{"--workers=2 --workers=3 --buffer-size=1G --buffer-size=5K /x", 3, 5 << 10, 8 << 20},
	} {
		o, err := parseOptions(args(test.args))
		if err != nil || uint32(o.workers) != test.workers || o.bufferSize.bytes != test.bufferSize || o.poolSize.bytes != test.pool {
			t.Errorf("parseOptions(%q) = %+v, %v", test.args, o, err)
		}
	}
	for argument, want := range map[string]string{
		"--workers=0":              `--workers="0": need a whole number from 1 to 64`,
		"--workers=65":             `--workers="65": need a whole number from 1 to 64`,
		"--workers=":               `--workers="": need a whole number from 1 to 64`,
		"--workers=auto":           `--workers="auto": need a whole number from 1 to 64`,
		"--buffer-size=4095":       `--buffer-size="4095": need a size from 4K to 1G, in bytes, K, M or G`,
		"--buffer-size=1025M":      `--buffer-size="1025M": need a size from 4K to 1G, in bytes, K, M or G`,
		"--buffer-size=1T":         `--buffer-size="1T": need a size from 4K to 1G, in bytes, K, M or G`,
		"--buffer-size=-1":         `--buffer-size="-1": need a size from 4K to 1G, in bytes, K, M or G`,
		"--pool-size=1023K":        `--pool-size="1023K": need a size from 1M to 4G, in bytes, K, M or G`,
		"--pool-size=4294967297":   `--pool-size="4294967297": need a size from 1M to 4G, in bytes, K, M or G`,
		"--pool-size=17179869184G": `--pool-size="17179869184G": need a size from 1M to 4G, in bytes, K, M or G`,
		"--b=1M":                   `option "--b" may be --buffer-size or --busy-poll or --bind; write it out`,
	} {
		if _, err := parseOptions([]string{argument, "/x"}); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %v", argument, err, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"", "0", "1", "4096", "4K", "1m", "4G", "K", "18446744073709551615", "17179869184G", "-1", "1.5M"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bytes, ok := parseSize(text)
		if !ok {
			return
		}
		written := formatSize(bytes)
		if again, ok := parseSize(written); !ok || again != bytes {
			t.Errorf("%q is %d, written %q, which is %d, %v", text, bytes, written, again, ok)
		}
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && n != bytes {
			t.Errorf("%q is %d", text, bytes)
		}
	})
}
