// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/oci"
)

func init() {
	workloads["lifecycle"] = lifecycle
	workloads["exec"] = exec
	workloads["waits"] = waits
}

// 64 KiB of output.
const talk = "dd if=/dev/zero bs=65536 count=1 2>/dev/null"

func newContainer(ctx context.Context, client *containerd.Client, image containerd.Image, id string,
	command ...string) containerd.Container {
	return must(client.NewContainer(ctx, id, containerd.WithNewSnapshot(id, image),
		containerd.WithNewSpec(oci.WithImageConfig(image), oci.WithProcessArgs(command...))))
}

func checkOutput(out *bytes.Buffer) {
	if out.Len() != 65536 {
		check(errors.New("the output is not whole"))
	}
}

func lifecycle(a arguments) result {
	ctx, client, n := a.ctx(), connect(a), a.int("n", 10)
	image := must(client.GetImage(ctx, a["image"]))
	m := newMeter()
	for i := 0; i < n; i++ {
		container := newContainer(ctx, client, image, fmt.Sprint("life-", i), "sh", "-c", talk)
		var out bytes.Buffer
		task := must(container.NewTask(ctx, cio.NewCreator(cio.WithStreams(nil, &out, io.Discard))))
		exit := must(task.Wait(ctx))
		check(task.Start(ctx))
		<-exit
		task.IO().Wait() // or the end of the output may be lost
		must(task.Delete(ctx))
		checkOutput(&out)
		check(container.Delete(ctx, containerd.WithSnapshotCleanup))
	}
	return m.stop(n)
}

// A container that runs until drop is called.
func sleeper(ctx context.Context, client *containerd.Client, a arguments, id string) (containerd.Container,
	containerd.Task, func()) {
	container := newContainer(ctx, client, must(client.GetImage(ctx, a["image"])), id, "sleep", "1000")
	task := must(container.NewTask(ctx, cio.NullIO))
	check(task.Start(ctx))
	return container, task, func() {
		must(task.Delete(ctx, containerd.WithProcessKill))
		check(container.Delete(ctx, containerd.WithSnapshotCleanup))
	}
}

func exec(a arguments) result {
	ctx, client, n := a.ctx(), connect(a), a.int("n", 15)
	container, task, drop := sleeper(ctx, client, a, "exec")
	defer drop()
	process := must(container.Spec(ctx)).Process
	process.Args = []string{"sh", "-c", talk}
	m := newMeter()
	for i := 0; i < n; i++ {
		var out bytes.Buffer
		exec := must(task.Exec(ctx, fmt.Sprint("exec-", i), process, cio.NewCreator(cio.WithStreams(nil, &out, io.Discard))))
		exit := must(exec.Wait(ctx))
		check(exec.Start(ctx))
		<-exit
		exec.IO().Wait()
		must(exec.Delete(ctx))
		checkOutput(&out)
	}
	return m.stop(n)
}

func waits(a arguments) result {
	ctx, client, n := a.ctx(), connect(a), a.int("n", 200)
	container, task, drop := sleeper(ctx, client, a, "waits")
	defer drop()
	process := must(container.Spec(ctx)).Process
	process.Args = []string{"sleep", "1000"}
	var execs []containerd.Process
	m := newMeter()
	for i := 0; i < n; i++ {
		var out, err bytes.Buffer
		exec := must(task.Exec(ctx, fmt.Sprint("wait-", i), process, cio.NewCreator(cio.WithStreams(nil, &out, &err))))
		must(exec.Wait(ctx))
		execs = append(execs, exec)
	}
	r := m.stop(n)
	for _, exec := range execs {
		must(exec.Delete(ctx, containerd.WithProcessKill))
	}
	return r
}
