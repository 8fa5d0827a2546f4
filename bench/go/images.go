// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/core/remotes/docker"
)

func init() {
	workloads["pull"] = pull
	workloads["unpack"] = unpack
	workloads["push"] = push
	workloads["export"] = export
	workloads["import"] = importImage
}

func registry() containerd.RemoteOpt {
	return containerd.WithResolver(docker.NewResolver(docker.ResolverOptions{
		Hosts: docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchLocalhost))}))
}

func pull(a arguments) result {
	ctx, client := a.ctx(), connect(a)
	m := newMeter()
	must(client.Pull(ctx, a["ref"], registry()))
	return m.stop(1)
}

func unpack(a arguments) result {
	ctx, client := a.ctx(), connect(a)
	image := must(client.Pull(ctx, a["ref"], registry()))
	m := newMeter()
	check(image.Unpack(ctx, "overlayfs"))
	return m.stop(1)
}

func push(a arguments) result {
	ctx, client := a.ctx(), connect(a)
	image := must(client.Pull(ctx, a["ref"], registry()))
	m := newMeter()
	check(client.Push(ctx, a["to"], image.Target(), registry()))
	return m.stop(1)
}

func export(a arguments) result {
	ctx, client := a.ctx(), connect(a)
	image := must(client.Pull(ctx, a["ref"], registry()))
	file := must(os.Create(a["archive"]))
	defer file.Close()
	m := newMeter()
	check(client.Export(ctx, file, archive.WithImage(client.ImageService(), image.Name())))
	return m.stop(1)
}

func importImage(a arguments) result {
	ctx, client := a.ctx(), connect(a)
	file := must(os.Open(a["archive"]))
	defer file.Close()
	m := newMeter()
	must(client.Import(ctx, file))
	return m.stop(1)
}
