// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func init() {
	workloads["write"] = write
	workloads["read"] = read
}

func noise(mib int) ([]byte, ocispec.Descriptor) {
	blob := make([]byte, mib<<20)
	rand.New(rand.NewSource(42)).Read(blob)
	return blob, ocispec.Descriptor{
		MediaType: "application/octet-stream", Digest: digest.FromBytes(blob), Size: int64(len(blob))}
}

func put(ctx context.Context, client *containerd.Client, blob []byte, desc ocispec.Descriptor) {
	// A plain reader: bytes.Reader would hand over all at once.
	reader := struct{ io.Reader }{bytes.NewReader(blob)}
	check(content.WriteBlob(ctx, client.ContentStore(), "bench", reader, desc))
}

func write(a arguments) result {
	client, mib := connect(a), a.int("mib", 256)
	blob, desc := noise(mib)
	ctx, release, err := client.WithLease(a.ctx())
	check(err)
	defer release(ctx)
	m := newMeter()
	put(ctx, client, blob, desc)
	r := m.stop(mib)
	check(client.ContentStore().Delete(ctx, desc.Digest))
	return r
}

type dropped int64

func (d *dropped) Write(data []byte) (int, error) {
	*d += dropped(len(data))
	return len(data), nil
}

func read(a arguments) result {
	client, mib := connect(a), a.int("mib", 256)
	ctx, release, err := client.WithLease(a.ctx())
	check(err)
	defer release(ctx)
	blob, desc := noise(mib)
	put(ctx, client, blob, desc)
	blob = nil
	m := newMeter()
	reader := must(client.ContentStore().ReaderAt(ctx, desc))
	var count dropped
	must(io.CopyBuffer(&count, content.NewReader(reader), make([]byte, 1<<20)))
	check(reader.Close())
	r := m.stop(mib)
	if int64(count) != desc.Size {
		check(errors.New("short"))
	}
	check(client.ContentStore().Delete(ctx, desc.Digest))
	return r
}
