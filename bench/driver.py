#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the workloads for this library and for the Go client in turn; see run.sh, which builds both."""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from lab import Lab, make_archive, make_layers, make_tree

HERE = pathlib.Path(__file__).resolve().parent

# name, workload, arguments, what it is in the table, whether it needs the image of busybox
WORKLOADS = [
    ("version", "version", {}, "Version, one at a time", False),
    ("version16", "version16", {}, "Version, 16 callers", False),
    ("container", "container", {}, "container create and delete, with spec", True),
    ("lifecycle", "lifecycle", {}, "lifecycle with output", True),
    ("exec", "exec", {}, "exec with output", True),
    ("waits", "waits", {}, "processes attached and waited for", True),
    ("events", "events", {}, "8,000 events by 8 threads, received", False),
    ("write", "write", {}, "content write, 256 MiB", False),
    ("read", "read", {}, "content read, 256 MiB", False),
    ("pull12", "pull", {"ref": "@twelve@"}, "pull of 12 layers, no unpack", False),
    ("pull1", "pull", {"ref": "@one@"}, "pull of one layer, no unpack", False),
    ("unpack12", "unpack", {"ref": "@twelve@"}, "unpack of 12 layers: ours local, Go's by the daemon", False),
    ("unpack1", "unpack", {"ref": "@one@"}, "unpack of one layer: ours local, Go's by the daemon", False),
    ("unpack12-daemon", "unpack", {"ref": "@twelve@", "local": "0"}, "unpack of 12 layers, both by the daemon", False),
    ("push", "push", {"ref": "@one@", "to": "@to@"}, "push of one layer", False),
    ("export", "export", {"ref": "@one@", "archive": "@archive@"}, "export of one layer", False),
    ("import", "import", {"archive": "@big@"}, "import of an archive of 1 GiB", False),
    ("apply", "apply", {"layer": "@layer@", "root": "@root@"}, "archive apply, 20,000 entries", False),
    ("diff", "diff", {"folder": "@folder@"}, "archive diff, 20,000 entries", False),
]


def run_timed(args):
    """A program's wall time and CPU seconds from outside, and its peak memory as it tells it, if it does."""
    with tempfile.TemporaryFile() as out:
        begin = time.monotonic()
        pid = os.posix_spawn(args[0], args, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])
        _, status, usage = os.wait4(pid, 0)
        wall = time.monotonic() - begin
        out.seek(0)
        peak = re.search(rb"VmHWM:\s*(\d+)", out.read())
    if status != 0:
        raise RuntimeError(f"{args}: {status}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak_mib": int(peak[1]) / 1024 if peak else 0, "n": 1}


class Bench:
    def __init__(self, lab, programs, runs, profile=None):
        self.lab = lab
        self.profile = profile
        self.programs = pathlib.Path(programs)
        self.runs = runs
        self.places = {f"@{name}@": f"{lab.dir}/{name}" for name in ("archive", "big", "layer", "folder")}
        self.pushed = 0

    def images(self, mib, names):
        for name, layers in (("twelve", 12), ("one", 1)):
            if name not in names:
                continue
            made, files = make_layers(self.lab.dir, layers, mib)
            print(f"{name}: {files} files, {mib} MiB, packed {sum(len(data) for data, _ in made) >> 20} MiB", flush=True)
            if name == "one":
                (self.lab.dir / "floor.tar.gz").write_bytes(made[0][0])
            self.places[f"@{name}@"] = self.lab.push_image(name, made)

    def files(self, names):
        """What needs no registry: a large archive, and a layer with the folder that it is of."""
        if "big" in names:
            make_archive(self.places["@big@"], 1024)
        if names & {"layer", "folder"}:
            make_tree(self.places["@folder@"], 20000)
            self.tar("-c", "-f", self.places["@layer@"], "-C", self.places["@folder@"], ".")

    @staticmethod
    def tar(*args):
        subprocess.run(["tar", *args], check=True)

    def busybox(self):
        archive = f"{self.lab.dir}/busybox.tar"
        subprocess.run([HERE.parent / "examples/busybox-image.sh", archive], check=True, stdout=subprocess.DEVNULL)
        for side in ("cpp", "go"):
            self.lab.ctr("images", "import", archive, namespace=f"bench-{side}")

    def one(self, side, workload, arguments, keeps, under=()):
        namespace = f"bench-{side}"
        if not keeps:
            self.lab.empty(namespace)
        self.pushed += 1  # each to a repository of its own
        places = dict(self.places, **{"@to@": f"{self.lab.registry}/pushed-{self.pushed}:latest",
                                      "@root@": f"{self.lab.dir}/root-{self.pushed}"})
        args = [f"{name}={places.get(value, value)}" for name, value in arguments.items()]
        done = subprocess.run(
            [*under, self.programs / f"bench_{side}", workload, f"address={self.lab.address}", f"namespace={namespace}",
             "image=docker.io/library/busybox:latest", *args], stdout=subprocess.PIPE, check=True, timeout=300)
        shutil.rmtree(places["@root@"], ignore_errors=True)
        if not keeps:
            self.lab.empty(namespace)
        return json.loads(done.stdout)

    def hottest(self, name, workload, arguments, keeps):
        """The functions in which this library's side spends its time, by samples of perf."""
        data = self.profile / f"{name}.data"
        self.one("cpp", workload, arguments, keeps,
                 ("perf", "record", "--quiet", "--freq", "5000", "--output", data))
        report = subprocess.run(
            ["perf", "report", "--input", data, "--no-children", "--sort", "symbol,dso", "--field-separator", "|"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
        rows = [line.split("|")[:3] for line in report.splitlines() if line and not line.startswith("#")]
        lines = [f"{share.strip():>7} {symbol.strip()[4:84]} ({os.path.basename(dso.strip())})"
                 for share, symbol, dso in rows[:12]]
        (self.profile / f"{name}.txt").write_text("\n".join(lines) + "\n")

    def pair(self, workload, arguments, keeps):
        """The results of both sides, run in turn."""
        results = {"cpp": [], "go": []}
        for i in range(self.runs):
            for side in ("cpp", "go") if i % 2 == 0 else ("go", "cpp"):
                results[side].append(self.one(side, workload, arguments, keeps))
        return results

    def first(self):
        programs = {"cpp": "bench_first", "standalone": "bench_first_standalone", "go": "bench_first_go",
                    "raw": "bench_raw"}
        results = {side: [] for side in programs}
        for i in range(max(4 * self.runs, 8)):
            for side, program in programs.items():
                taken = run_timed([str(self.programs / program), self.lab.address])
                if i > 0:  # the first one fills the page cache
                    results[side].append(taken)
        return results

    def floors(self):
        """What nobody could be faster than."""
        raw = [run_timed([str(self.programs / "bench_raw"), self.lab.address, "16", "16000"])["wall"]
               for _ in range(self.runs)]
        floors = {"Version, 16 callers, raw stub": statistics.median(raw)}
        inflater = "igzip" if shutil.which("igzip") else "gzip"
        target = self.lab.dir / "floor"
        for what, command in (
                (f"unpack of one layer, {inflater} -dc | tar -x",
                 f"{inflater} -dc {self.lab.dir}/floor.tar.gz | tar -x -C {target}"),
                ("archive apply, tar -x", f"tar -x -f {self.places['@layer@']} -C {target}"),
                ("archive diff, tar -c", f"tar -c -C {self.places['@folder@']} . | cat >/dev/null")):
            taken = []
            for _ in range(self.runs):
                target.mkdir()
                begin = time.monotonic()
                subprocess.run(command, shell=True, check=True)
                taken.append(time.monotonic() - begin)
                shutil.rmtree(target)
            floors[what] = statistics.median(taken)
        return floors


def summary(results):
    """Medians, spreads (between the quarters, of the median), and ratios of ours to Go's, pair by pair."""
    row = {}
    for side, runs in results.items():
        row[side] = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        walls = sorted(run["wall"] for run in runs)
        if row[side]["wall"] > 0:
            row[side]["spread"] = (walls[-1 - len(walls) // 4] - walls[len(walls) // 4]) / row[side]["wall"]
    row["ratio"] = {}
    for name in results["cpp"][0]:
        pairs = [ours[name] / theirs[name] for ours, theirs in zip(results["cpp"], results["go"]) if theirs.get(name)]
        if pairs and name != "n":
            row["ratio"][name] = statistics.median(pairs)
    return row


def print_row(what, row):
    def cell(name, scale, unit):
        return f"{row['cpp'][name] * scale:9.1f} {row['go'][name] * scale:9.1f} {row['ratio'].get(name, 0):5.2f} {unit}"

    extra = ""
    if row["cpp"].get("p50"):
        extra = f" | p50 {row['ratio']['p50']:.2f}"
    if "waited" in what:
        each = {side: row[side]["grown_kib"] / row[side]["n"] for side in ("cpp", "go")}
        extra = f" | KiB each {each['cpp']:.1f} {each['go']:.1f}; threads +{row['cpp']['threads']} +{row['go']['threads']}"
    print(f"{what:52} {cell('wall', 1000, 'ms')} | {cell('cpu', 1000, 'ms')} | {cell('peak_mib', 1, 'MiB')} | "
          f"{row['cpp'].get('spread', 0):4.0%} {row['go'].get('spread', 0):4.0%}{extra}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--filter", default="", help="of the names of workloads")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--mib", type=int, default=700, help="that the images inflate to")
    parser.add_argument("--json")
    parser.add_argument("--profile", type=pathlib.Path, metavar="FOLDER",
                        help="where the 12 most expensive functions of each workload go, by perf, after its runs")
    options = parser.parse_args()
    wanted = [w for w in WORKLOADS if re.search(options.filter, w[0])]
    rows = {}
    failed = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through the cleanup
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as work:
        lab = Lab(work, options.daemon)
        try:
            bench = Bench(lab, options.programs, options.runs, options.profile)
            print(f"containerd {lab.version}, {os.cpu_count()} cores, {platform.platform()}, {options.runs} runs")
            images = {value.strip("@") for w in wanted for value in w[2].values()}
            if re.search(options.filter, "floors"):
                images |= {"one", "layer"}
            bench.images(options.mib, images)
            bench.files(images)
            if any(w[4] for w in wanted):
                bench.busybox()
            print(f"{'medians: ours, Go, ours/Go':52} {'wall':>28} | {'CPU':>28} | {'peak memory':>29} | spread")
            # Those that need the image of busybox first: the others empty the namespace.
            for name, workload, arguments, what, keeps in sorted(wanted, key=lambda w: not w[4]):
                try:
                    rows[name] = summary(bench.pair(workload, arguments, keeps))
                except subprocess.SubprocessError as err:  # the others are worth having even so
                    print(f"{what}: failed: {err}", flush=True)
                    failed.append(name)
                    continue
                print_row(what, rows[name])
                if options.profile:
                    options.profile.mkdir(parents=True, exist_ok=True)
                    bench.hottest(name, workload, arguments, keeps)
            if re.search(options.filter, "first"):
                first = bench.first()
                for name, side, target in (("first", "cpp", "core"), ("first-standalone", "standalone", "core-standalone")):
                    rows[name] = summary({"cpp": first[side], "go": first["go"], "raw": first["raw"]})
                    print_row(f"exec to first answer, on {target}", rows[name])
                raw = rows["first"]["raw"]
                print(f"  floor, raw stub, shared: {raw['wall'] * 1e3:.1f} ms, {raw['cpu'] * 1e3:.1f} ms CPU, {raw['peak_mib']:.1f} MiB")
            if re.search(options.filter, "floors"):
                rows["floors"] = bench.floors()
                for what, seconds in rows["floors"].items():
                    print(f"floor: {what}: {seconds * 1e3:.1f} ms")
            if re.search(options.filter, "micro"):
                subprocess.run([bench.programs / "bench_micro", "--benchmark_min_time=0.2"], check=True)
        finally:
            lab.close()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({
            "daemon": lab.version, "cores": os.cpu_count(), "machine": platform.platform(), "runs": options.runs,
            "workloads": rows, "failed": failed}, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
