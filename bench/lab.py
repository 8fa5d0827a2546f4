# SPDX-License-Identifier: Apache-2.0
"""What a measurement stands on: a private daemon on a tmpfs, a registry on the loopback, and images in it."""
import gzip
import hashlib
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import time

DAEMON_CONFIG = """version = 2
root = "{dir}/root"
state = "{dir}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime",
                    "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
  address = "{dir}/containerd.sock"
[debug]
  level = "warn"
"""

REGISTRY_CONFIG = """version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: {dir}/registry
  delete:
    enabled: true
http:
  addr: 127.0.0.1:0
"""


OCI = "application/vnd.oci.image."


class Lab:
    """Starts both, and ends them with all that they left."""

    def __init__(self, work, daemon_bin):
        self.dir = pathlib.Path(work)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=711", "bench", work], check=True)
        self.processes = []
        try:
            self._start(daemon_bin)
        except BaseException:
            self.close()
            raise

    def _spawn(self, args, log, **options):
        with open(self.dir / log, "ab") as out:
            process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True, **options)
        self.processes.append(process)
        return process

    def _start(self, daemon_bin):
        (self.dir / "config.toml").write_text(DAEMON_CONFIG.format(dir=self.dir))
        env = dict(os.environ, PATH=f"{daemon_bin}:{os.environ['PATH']}")
        self._spawn([f"{daemon_bin}/containerd", "-c", f"{self.dir}/config.toml"], "daemon.log", env=env)
        self.address = f"{self.dir}/containerd.sock"
        self.ctr_program = f"{daemon_bin}/ctr"
        (self.dir / "registry.yml").write_text(REGISTRY_CONFIG.format(dir=self.dir))
        self._spawn(["docker-registry", "serve", f"{self.dir}/registry.yml"], "registry.log")
        self.version = self._wait(lambda: self.ctr("version").split("Server:")[1].split()[1], "daemon.log")
        mark = "listening on 127.0.0.1:"
        log = self.dir / "registry.log"
        self.registry = "127.0.0.1:" + self._wait(
            lambda: log.read_text().split(mark)[1].split('"')[0].split()[0], "registry.log")

    def _wait(self, ask, log):
        for _ in range(600):
            try:
                return ask()
            except (IndexError, subprocess.CalledProcessError):
                time.sleep(0.1)
        raise RuntimeError(f"not started:\n{(self.dir / log).read_text()[-2000:]}")

    def ctr(self, *args, namespace="bench"):
        return subprocess.run([self.ctr_program, "-a", self.address, "-n", namespace, *args], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout

    def empty(self, namespace):
        """Removes what a run left, so that the next one finds nothing done."""
        for kind, remove in (("images", ("images", "rm", "--sync")), ("content", ("content", "rm"))):
            names = self.ctr(kind, "ls", "-q", namespace=namespace).split()
            if names:
                self.ctr(*remove, *names, namespace=namespace)

    def push_image(self, name, layers):
        """An image of those layers, (blob, digest of what it inflates to), in the registry."""
        config, manifest = make_manifest([diff_id for _, diff_id in layers],
                                         [descriptor(data, OCI + "layer.v1.tar+gzip") for data, _ in layers])
        for data in [config] + [data for data, _ in layers]:
            digest = descriptor(data, "")["digest"]
            location = self._registry("POST", f"/v2/{name}/blobs/uploads/", 202).headers["Location"]
            path = location[location.index("/v2/"):]
            self._registry("PUT", path + ("&" if "?" in path else "?") + "digest=" + digest, 201, data)
        self._registry("PUT", f"/v2/{name}/manifests/latest", 201, manifest, OCI + "manifest.v1+json")
        return f"{self.registry}/{name}:latest"

    def _registry(self, method, path, wanted, data=b"", media_type="application/octet-stream"):
        connection = http.client.HTTPConnection(self.registry)
        connection.request(method, path, data, {"Content-Type": media_type})
        response = connection.getresponse()
        text = response.read()
        if response.status != wanted:
            raise RuntimeError(f"{method} {path}: {response.status} {text}")
        connection.close()
        return response

    def close(self):
        for namespace in ("bench", "bench-cpp", "bench-go"):
            try:
                for task in self.ctr("tasks", "ls", "-q", namespace=namespace).split():
                    self.ctr("tasks", "rm", "-f", task, namespace=namespace)
            except (AttributeError, OSError, subprocess.CalledProcessError):
                pass
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with open("/proc/self/mounts") as mounts:
            below = [line.split()[1] for line in mounts if line.split()[1].startswith(str(self.dir) + "/")]
        for mount in reversed(below):
            subprocess.run(["umount", "-l", mount], check=False)
        subprocess.run(["umount", "-l", str(self.dir)], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


def descriptor(data, media_type):
    return {"mediaType": media_type, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}


def make_manifest(diff_ids, layers):
    """The config and the manifest of an image, both as they are stored."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
    return config, json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                               "config": descriptor(config, OCI + "config.v1+json"), "layers": layers}).encode()


def make_archive(path, mib):
    """An OCI archive of an image with one layer of that size, which is noise."""
    noise = os.urandom(1 << 20) * mib
    layer = descriptor(noise, OCI + "layer.v1.tar")
    config, manifest = make_manifest([layer["digest"]], [layer])
    index = json.dumps({"schemaVersion": 2, "manifests": [
        dict(descriptor(manifest, OCI + "manifest.v1+json"),
             annotations={"io.containerd.image.name": "docker.io/library/big:latest"})]}).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in (("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'), ("index.json", index)) + tuple(
                ("blobs/sha256/" + hashlib.sha256(data).hexdigest(), data) for data in (manifest, config, noise)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def make_tree(path, entries, per_folder=200):
    """A folder of files of 4 KiB, so many with the folders that they are in."""
    for i in range(entries // per_folder):
        folder = pathlib.Path(path, f"folder-{i}")
        folder.mkdir(parents=True)
        for j in range(per_folder - 1):
            (folder / f"file-{j}").write_bytes(os.urandom(4096))


def make_layers(work, count, mib, kib_per_file=20):
    """Layers of files out of /usr of about that size, that inflate to so many MiB in all."""
    files = []
    left = mib << 20
    for folder, subfolders, names in os.walk("/usr"):
        subfolders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            size = os.path.getsize(path)
            if kib_per_file << 9 <= size <= kib_per_file << 11 and left > 0:
                files.append(path)
                left -= size
    layers = []
    for i in range(count):
        path = os.path.join(work, f"layer-{i}.tar")
        with tarfile.open(path, "w") as tar:
            for name in files[i * len(files) // count:(i + 1) * len(files) // count]:
                tar.add(name, arcname=f"layer-{i}{name}", recursive=False)
        with open(path, "rb") as tar:
            data = tar.read()
        os.remove(path)
        layers.append((gzip.compress(data, 1, mtime=0), "sha256:" + hashlib.sha256(data).hexdigest()))
    return layers, len(files)
