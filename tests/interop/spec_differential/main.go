// SPDX-License-Identifier: Apache-2.0

// Makes the specs of the cases with containerd's Go client and prints a line each: the name, a tab, and the
// spec's JSON, or "error: " and why. usage: spec_differential CASES ROOTFS-FOLDER
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/contrib/apparmor"
	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/content"
	containercdi "github.com/containerd/containerd/v2/pkg/cdi"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"
)

type testCase struct {
	Name    string              `json:"name"`
	Base    string              `json:"base"`
	RootFS  string              `json:"rootfs"`
	Options [][]json.RawMessage `json:"options"`
}

// An image that is nothing but a config.
type image struct {
	content.Store
	config []byte
}

func (i image) Config(context.Context) (ocispec.Descriptor, error) {
	return ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageConfig,
		Digest:    digest.FromBytes(i.config),
		Size:      int64(len(i.config)),
	}, nil
}

func (i image) ContentStore() content.Store { return i }

func (i image) ReaderAt(context.Context, ocispec.Descriptor) (content.ReaderAt, error) {
	return blob{bytes.NewReader(i.config)}, nil
}

type blob struct{ *bytes.Reader }

func (blob) Close() error { return nil }

func get[T any](raw json.RawMessage) T {
	var value T
	if err := json.Unmarshal(raw, &value); err != nil {
		panic(err)
	}
	return value
}

// What an option's arguments are made into.
type arguments []json.RawMessage

func (a arguments) text(i int) string    { return get[string](a[i]) }
func (a arguments) texts(i int) []string { return get[[]string](a[i]) }
func (a arguments) signed(i int) int64   { return get[int64](a[i]) }
func (a arguments) unsigned(i int) uint64 {
	return get[uint64](a[i])
}
func (a arguments) image(i int) oci.Image {
	config := get[ocispec.ImageConfig](a[i])
	raw, err := json.Marshal(ocispec.Image{Config: config})
	if err != nil {
		panic(err)
	}
	return image{config: raw}
}

var plain = map[string]oci.SpecOpts{
	"WithAllCurrentCapabilities": oci.WithAllCurrentCapabilities,
	"WithAllDevicesAllowed":      oci.WithAllDevicesAllowed,
	"WithAllKnownCapabilities":   oci.WithAllKnownCapabilities,
	"WithDefaultPathEnv":         oci.WithDefaultPathEnv,
	"WithDefaultUnixDevices":     oci.WithDefaultUnixDevices,
	"WithHostDevices":            oci.WithHostDevices,
	"WithHostHostsFile":          oci.WithHostHostsFile,
	"WithHostLocaltime":          oci.WithHostLocaltime,
	"WithHostResolvconf":         oci.WithHostResolvconf,
	"WithNewPrivileges":          oci.WithNewPrivileges,
	"WithNoNewPrivileges":        oci.WithNoNewPrivileges,
	"WithParentCgroupDevices":    oci.WithParentCgroupDevices,
	"WithPrivileged":             oci.WithPrivileged,
	"WithSeccompUnconfined":      oci.WithSeccompUnconfined,
	"WithTTY":                    oci.WithTTY,
	"WithWriteableCgroupfs":      oci.WithWriteableCgroupfs,
	"WithWriteableSysfs":         oci.WithWriteableSysfs,
	"WithoutRunMount":            oci.WithoutRunMount,
	"WithDefaultSpec":            oci.WithDefaultSpec(),
	"WithNamespacedCgroup":       oci.WithNamespacedCgroup(),
	"WithRootFSReadonly":         oci.WithRootFSReadonly(),
	"seccomp.WithDefaultProfile": seccomp.WithDefaultProfile(),
}

var made = map[string]func(a arguments) oci.SpecOpts{
	"WithAddedCapabilities":   func(a arguments) oci.SpecOpts { return oci.WithAddedCapabilities(a.texts(0)) },
	"WithAdditionalGIDs":      func(a arguments) oci.SpecOpts { return oci.WithAdditionalGIDs(a.text(0)) },
	"WithAmbientCapabilities": func(a arguments) oci.SpecOpts { return oci.WithAmbientCapabilities(a.texts(0)) },
	"WithAnnotations":         func(a arguments) oci.SpecOpts { return oci.WithAnnotations(get[map[string]string](a[0])) },
	"WithApparmorProfile":     func(a arguments) oci.SpecOpts { return oci.WithApparmorProfile(a.text(0)) },
	"WithAppendAdditionalGroups": func(a arguments) oci.SpecOpts {
		return oci.WithAppendAdditionalGroups(a.texts(0)...)
	},
	"WithBlockIO":                   func(a arguments) oci.SpecOpts { return oci.WithBlockIO(get[*specs.LinuxBlockIO](a[0])) },
	"WithCPUBurst":                  func(a arguments) oci.SpecOpts { return oci.WithCPUBurst(a.unsigned(0)) },
	"WithCPUCFS":                    func(a arguments) oci.SpecOpts { return oci.WithCPUCFS(a.signed(0), a.unsigned(1)) },
	"WithCPURT":                     func(a arguments) oci.SpecOpts { return oci.WithCPURT(a.signed(0), a.unsigned(1)) },
	"WithCPUShares":                 func(a arguments) oci.SpecOpts { return oci.WithCPUShares(a.unsigned(0)) },
	"WithCPUs":                      func(a arguments) oci.SpecOpts { return oci.WithCPUs(a.text(0)) },
	"WithCPUsMems":                  func(a arguments) oci.SpecOpts { return oci.WithCPUsMems(a.text(0)) },
	"WithCapabilities":              func(a arguments) oci.SpecOpts { return oci.WithCapabilities(a.texts(0)) },
	"WithCgroup":                    func(a arguments) oci.SpecOpts { return oci.WithCgroup(a.text(0)) },
	"WithDefaultSpecForPlatform":    func(a arguments) oci.SpecOpts { return oci.WithDefaultSpecForPlatform(a.text(0)) },
	"WithDevShmSize":                func(a arguments) oci.SpecOpts { return oci.WithDevShmSize(a.signed(0)) },
	"WithDevices":                   func(a arguments) oci.SpecOpts { return oci.WithDevices(a.text(0), a.text(1), a.text(2)) },
	"WithDomainname":                func(a arguments) oci.SpecOpts { return oci.WithDomainname(a.text(0)) },
	"WithDroppedCapabilities":       func(a arguments) oci.SpecOpts { return oci.WithDroppedCapabilities(a.texts(0)) },
	"WithEnv":                       func(a arguments) oci.SpecOpts { return oci.WithEnv(a.texts(0)) },
	"WithEnvFile":                   func(a arguments) oci.SpecOpts { return oci.WithEnvFile(a.text(0)) },
	"WithSpecFromFile":              func(a arguments) oci.SpecOpts { return oci.WithSpecFromFile(a.text(0)) },
	"WithHostNamespace":             func(a arguments) oci.SpecOpts { return oci.WithHostNamespace(specs.LinuxNamespaceType(a.text(0))) },
	"WithHostname":                  func(a arguments) oci.SpecOpts { return oci.WithHostname(a.text(0)) },
	"WithImageConfig":               func(a arguments) oci.SpecOpts { return oci.WithImageConfig(a.image(0)) },
	"WithImageConfigArgs":           func(a arguments) oci.SpecOpts { return oci.WithImageConfigArgs(a.image(0), a.texts(1)) },
	"WithLinuxDevice":               func(a arguments) oci.SpecOpts { return oci.WithLinuxDevice(a.text(0), a.text(1)) },
	"WithLinuxDeviceFollowSymlinks": func(a arguments) oci.SpecOpts { return oci.WithLinuxDeviceFollowSymlinks(a.text(0), a.text(1)) },
	"WithLinuxDevices":              func(a arguments) oci.SpecOpts { return oci.WithLinuxDevices(get[[]specs.LinuxDevice](a[0])) },
	"WithLinuxNamespace":            func(a arguments) oci.SpecOpts { return oci.WithLinuxNamespace(get[specs.LinuxNamespace](a[0])) },
	"WithMaskedPaths":               func(a arguments) oci.SpecOpts { return oci.WithMaskedPaths(a.texts(0)) },
	"WithMemoryLimit":               func(a arguments) oci.SpecOpts { return oci.WithMemoryLimit(a.unsigned(0)) },
	"WithMemorySwap":                func(a arguments) oci.SpecOpts { return oci.WithMemorySwap(a.signed(0)) },
	"WithMounts":                    func(a arguments) oci.SpecOpts { return oci.WithMounts(get[[]specs.Mount](a[0])) },
	"WithPidsLimit":                 func(a arguments) oci.SpecOpts { return oci.WithPidsLimit(a.signed(0)) },
	"WithProcessArgs":               func(a arguments) oci.SpecOpts { return oci.WithProcessArgs(a.texts(0)...) },
	"WithProcessCwd":                func(a arguments) oci.SpecOpts { return oci.WithProcessCwd(a.text(0)) },
	"WithRdt":                       func(a arguments) oci.SpecOpts { return oci.WithRdt(a.text(0), a.text(1), a.text(2)) },
	"WithReadonlyPaths":             func(a arguments) oci.SpecOpts { return oci.WithReadonlyPaths(a.texts(0)) },
	"WithRootFSPath":                func(a arguments) oci.SpecOpts { return oci.WithRootFSPath(a.text(0)) },
	"WithSelinuxLabel":              func(a arguments) oci.SpecOpts { return oci.WithSelinuxLabel(a.text(0)) },
	"WithSpecFromBytes":             func(a arguments) oci.SpecOpts { return oci.WithSpecFromBytes([]byte(a.text(0))) },
	"WithTTYSize":                   func(a arguments) oci.SpecOpts { return oci.WithTTYSize(int(a.signed(0)), int(a.signed(1))) },
	"WithUIDGID":                    func(a arguments) oci.SpecOpts { return oci.WithUIDGID(uint32(a.unsigned(0)), uint32(a.unsigned(1))) },
	"WithUser":                      func(a arguments) oci.SpecOpts { return oci.WithUser(a.text(0)) },
	"WithUserID":                    func(a arguments) oci.SpecOpts { return oci.WithUserID(uint32(a.unsigned(0))) },
	"WithUserNamespace": func(a arguments) oci.SpecOpts {
		return oci.WithUserNamespace(get[[]specs.LinuxIDMapping](a[0]), get[[]specs.LinuxIDMapping](a[1]))
	},
	"WithUsername":         func(a arguments) oci.SpecOpts { return oci.WithUsername(a.text(0)) },
	"WithoutMounts":        func(a arguments) oci.SpecOpts { return oci.WithoutMounts(a.texts(0)...) },
	"apparmor.WithProfile": func(a arguments) oci.SpecOpts { return apparmor.WithProfile(a.text(0)) },
	"cdi.WithCDIDevices":   func(a arguments) oci.SpecOpts { return containercdi.WithCDIDevices(a.texts(0)...) },
}

func option(call []json.RawMessage) oci.SpecOpts {
	name := get[string](call[0])
	if opt, ok := plain[name]; ok {
		return opt
	}
	return made[name](call[1:])
}

func run(c testCase, folder string) (spec *oci.Spec, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx := namespaces.WithNamespace(context.Background(), "testing")
	container := &containers.Container{ID: "differential"}
	var opts []oci.SpecOpts
	if c.RootFS != "" {
		opts = append(opts, oci.WithRootFSPath(filepath.Join(folder, c.RootFS)))
	}
	for _, call := range c.Options {
		opts = append(opts, option(call))
	}
	switch c.Base {
	case "default":
		return oci.GenerateSpec(ctx, nil, container, opts...)
	case "empty":
		spec = &oci.Spec{}
		return spec, oci.ApplyOpts(ctx, nil, container, spec, opts...)
	default:
		return oci.GenerateSpecWithPlatform(ctx, nil, c.Base, container, opts...)
	}
}

func main() {
	if err := mainErr(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func mainErr() error {
	if len(os.Args) != 3 {
		return errors.New("usage: spec_differential CASES ROOTFS-FOLDER")
	}
	raw, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var cases []testCase
	text := strings.ReplaceAll(string(raw), "@rootfs@", filepath.Join(os.Args[2], "rootfs"))
	if err := json.Unmarshal([]byte(text), &cases); err != nil {
		return err
	}
	cdiDirs := []string{filepath.Join(os.Args[2], "cdi", "static"), filepath.Join(os.Args[2], "cdi", "dynamic")}
	if err := cdi.Configure(cdi.WithSpecDirs(cdiDirs...), cdi.WithAutoRefresh(false)); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for _, c := range cases {
		spec, err := run(c, os.Args[2])
		if err != nil {
			fmt.Fprintf(out, "%s\terror: %s\n", c.Name, strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		written, err := json.Marshal(spec)
		if err != nil {
			return err
		}
		io.WriteString(out, c.Name+"\t")
		out.Write(written)
		out.WriteByte('\n')
	}
	return out.Flush()
}
