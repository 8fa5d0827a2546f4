// SPDX-License-Identifier: Apache-2.0

// Asks one thing of the daemon: first <address>.
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
			fmt.Println(version.Version)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
