// SPDX-License-Identifier: Apache-2.0

// Extracts the layer on standard input to a folder, as containerd does. usage: apply FOLDER
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/containerd/containerd/v2/pkg/archive"
)

func main() {
	if _, err := archive.Apply(context.Background(), os.Args[1], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
