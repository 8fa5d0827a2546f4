// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/oci"
)

func init() {
	workloads["version"] = oneCaller
	workloads["version16"] = manyCallers
	workloads["container"] = createDelete
}

func oneCaller(a arguments) result {
	ctx, client, n := a.ctx(), connect(a), a.int("n", 2000)
	each := make([]float64, 0, n)
	m := newMeter()
	for i := 0; i < n; i++ {
		begin := time.Now()
		must(client.Version(ctx))
		each = append(each, time.Since(begin).Seconds())
	}
	r := m.stop(n)
	r.P50 = median(each)
	return r
}

func manyCallers(a arguments) result {
	ctx, client, callers := a.ctx(), connect(a), a.int("callers", 16)
	each := a.int("n", 16000) / callers
	m := newMeter()
	inParallel(callers, func(int) {
		for i := 0; i < each; i++ {
			must(client.Version(ctx))
		}
	})
	return m.stop(callers * each)
}

func createDelete(a arguments) result {
	ctx, client, n := a.ctx(), connect(a), a.int("n", 200)
	image := must(client.GetImage(ctx, a["image"]))
	m := newMeter()
	for i := 0; i < n; i++ {
		container := must(client.NewContainer(ctx, fmt.Sprint("container-", i), containerd.WithImage(image),
			containerd.WithNewSpec(oci.WithRootFSPath("/"), oci.WithImageConfig(image),
				oci.WithProcessArgs("sh", "-c", "true"))))
		check(container.Delete(ctx))
	}
	return m.stop(n)
}
