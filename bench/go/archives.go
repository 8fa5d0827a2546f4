// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"

	"github.com/containerd/containerd/v2/pkg/archive"
)

func init() {
	workloads["apply"] = apply
	workloads["diff"] = diff
}

func apply(a arguments) result {
	check(os.Mkdir(a["root"], 0o755))
	file := must(os.Open(a["layer"]))
	defer file.Close()
	m := newMeter()
	must(archive.Apply(a.ctx(), a["root"], file))
	return m.stop(1)
}

// All of the folder, as it would be a first layer.
func diff(a arguments) result {
	var count dropped
	m := newMeter()
	check(archive.WriteDiff(a.ctx(), &count, "", a["folder"]))
	r := m.stop(1)
	if count == 0 {
		check(errors.New("nothing was written"))
	}
	return r
}
