// SPDX-License-Identifier: Apache-2.0

// Runs one workload with containerd's Go client and prints a line of JSON, as bench/cpp does with this
// library: peer <workload> address=... namespace=... [name=value...]
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
)

type arguments map[string]string

func (a arguments) get(name, otherwise string) string {
	if value, ok := a[name]; ok {
		return value
	}
	return otherwise
}

func (a arguments) int(name string, otherwise int) int {
	return must(strconv.Atoi(a.get(name, strconv.Itoa(otherwise))))
}

func (a arguments) ctx() context.Context {
	return namespaces.WithNamespace(context.Background(), a.get("namespace", "bench"))
}

type result struct {
	Wall     float64 `json:"wall"`
	CPU      float64 `json:"cpu"`
	PeakMiB  float64 `json:"peak_mib"`
	GrownKiB float64 `json:"grown_kib"`
	Threads  int     `json:"threads"`
	N        int     `json:"n"`
	P50      float64 `json:"p50"`
}

type workload func(arguments) result

var workloads = map[string]workload{}

type meter struct {
	wall     time.Time
	cpu      float64
	resident float64
	threads  int
}

func newMeter() meter {
	runtime.GC()
	return meter{time.Now(), cpuSeconds(), statusField("VmRSS"), int(statusField("Threads"))}
}

func (m meter) stop(n int) result {
	r := result{Wall: time.Since(m.wall).Seconds(), CPU: cpuSeconds() - m.cpu, N: n}
	// Not getrusage's, which begins with that of whoever started the program.
	r.PeakMiB = statusField("VmHWM") / 1024
	r.GrownKiB = statusField("VmRSS") - m.resident
	r.Threads = int(statusField("Threads")) - m.threads
	return r
}

func usage() (u syscall.Rusage) {
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u
}

func cpuSeconds() float64 {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// A field of /proc/self/status.
func statusField(name string) float64 {
	file := must(os.Open("/proc/self/status"))
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			return must(strconv.ParseFloat(strings.Fields(rest)[0], 64))
		}
	}
	return 0
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

// A client of the daemon that has answered once.
func connect(a arguments) *containerd.Client {
	client := must(containerd.New(a.get("address", "")))
	must(client.Version(a.ctx()))
	return client
}

func inParallel(n int, fn func(int)) {
	var group sync.WaitGroup
	for i := 0; i < n; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			fn(i)
		}()
	}
	group.Wait()
}

func main() {
	if len(os.Args) < 2 || workloads[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peer <workload> address=... namespace=...")
		os.Exit(2)
	}
	a := arguments{}
	for _, argument := range os.Args[2:] {
		name, value, _ := strings.Cut(argument, "=")
		a[name] = value
	}
	check(json.NewEncoder(os.Stdout).Encode(workloads[os.Args[1]](a)))
}
