// SPDX-License-Identifier: Apache-2.0

// Asks one thing of the daemon, and prints what the kernel says of its memory: first <address>.
package main

import (
	"context"
	"fmt"
	"os"

	containerd "github.com/containerd/containerd/v2/client"
)

func main() {
	client, err := containerd.New(os.Args[1])
	if err == nil {
		var version containerd.Version
		if version, err = client.Version(context.Background()); err == nil {
			status, _ := os.ReadFile("/proc/self/status")
			fmt.Printf("%s\n%s", version.Version, status)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
