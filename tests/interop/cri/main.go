// SPDX-License-Identifier: Apache-2.0

// Go's own answers to the cases on standard input, one a line.
package main

import (
	"bufio"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	runcoptions "github.com/containerd/containerd/api/types/runc/options"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/go-digest/digestset"
	"github.com/pelletier/go-toml"
)

func match(pattern, name string) string {
	ok, err := path.Match(pattern, name)
	return fmt.Sprint(ok && err == nil)
}

func ref(text string) string {
	any, docker := "error", "error"
	if parsed, err := reference.ParseAnyReference(text); err == nil {
		any = parsed.String()
	}
	if parsed, err := reference.ParseDockerRef(text); err == nil {
		docker = parsed.String()
	}
	return any + " " + docker
}

func options(text string) string {
	read, err := toml.Load(text)
	if err != nil {
		return "error"
	}
	tree, err := toml.TreeFromMap(read.ToMap())
	if err != nil {
		return "error"
	}
	o := &runcoptions.Options{}
	if err := tree.Unmarshal(o); err != nil {
		return "error"
	}
	return fmt.Sprintf("%t %t %q %d %d %q %q %t %q %q", o.NoPivotRoot, o.NoNewKeyring, o.ShimCgroup, o.IoUid,
		o.IoGid, o.BinaryName, o.Root, o.SystemdCgroup, o.CriuImagePath, o.CriuWorkPath)
}

func lookup(digests, text string) string {
	set := digestset.NewSet()
	for _, d := range strings.Fields(digests) {
		if err := set.Add(digest.Digest(d)); err != nil {
			return err.Error()
		}
	}
	return answer(set.Lookup(text))
}

func answer(found digest.Digest, err error) string {
	if errors.Is(err, digestset.ErrDigestAmbiguous) {
		return "ambiguous"
	}
	if err != nil {
		return "none"
	}
	return found.String()
}

// What the CRI plugin's localResolve does, on the packages that it does it with.
func resolve(images, text string) string {
	names := map[string]string{}
	ids := digestset.NewSet()
	for _, image := range strings.Fields(images) {
		name, id, _ := strings.Cut(image, "=")
		names[name] = id
		if err := ids.Add(digest.Digest(id)); err != nil {
			return err.Error()
		}
	}
	id := text
	if _, err := digest.Parse(text); err != nil {
		if named, err := reference.ParseDockerRef(text); err == nil && names[named.String()] != "" {
			id = names[named.String()]
		}
	}
	return answer(ids.Lookup(id))
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		args := make([]string, 2)
		for i, word := range words[1:] {
			text, _ := hex.DecodeString(strings.TrimPrefix(word, "-"))
			args[i] = string(text)
		}
		switch words[0] {
		case "match":
			fmt.Println(match(args[0], args[1]))
		case "ref":
			fmt.Println(ref(args[0]))
		case "toml":
			fmt.Println(options(args[0]))
		case "digest":
			fmt.Println(lookup(args[0], args[1]))
		case "resolve":
			fmt.Println(resolve(args[0], args[1]))
		}
	}
}
