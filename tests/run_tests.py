#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the test executables of a build in parallel and sums their results; see run.sh.

Every test that an executable lists gets a result: one that crashed, hung, or was never reached
because of that counts as failed.
"""

import argparse
import concurrent.futures
import dataclasses
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree

# Seconds for one executable, or one shard of one. Generous: sanitizers and busy machines are slow.
UNIT_TIMEOUT = 600
PROCESS_TIMEOUT = 2400

# Suites that take minutes: each has a process of its own, which starts early.
LONG_SUITES = ["EngineKillTest", "EnduranceTest"]


@dataclasses.dataclass
class Job:
    name: str  # "unit.errdefs", "containerd 1.6 (1/2)"
    command: list
    env: dict = dataclasses.field(default_factory=dict)
    gtest: bool = True
    private_tmp: bool = False  # starts daemons; nothing of them may stay
    suite: str = ""  # runs this one alone; others leave the long ones out
    shard: int = 0
    shards: int = 1
    timeout: int = PROCESS_TIMEOUT


@dataclasses.dataclass
class Result:
    job: str
    test: str
    outcome: str  # passed, failed, skipped
    detail: str = ""  # output of a failed test, reason of a skipped one
    seconds: float = 0


class Runner:
    def __init__(self, args):
        self.args = args
        self.logs = os.path.join(args.build, "test-logs")
        shutil.rmtree(self.logs, ignore_errors=True)
        os.makedirs(self.logs)
        self.print_lock = threading.Lock()
        # Half of a test's time is waiting for a daemon.
        self.workers = os.cpu_count() + 1

    def say(self, text):
        with self.print_lock:
            print(text, flush=True)

    def jobs(self):
        jobs = []
        for check in self.args.check:
            name, command = check.split("=", 1)
            jobs.append(Job("check." + name, ["bash", "-o", "pipefail", "-c", command], gtest=False))
        listing = subprocess.run(["ctest", "--show-only=json-v1"], cwd=self.args.build, check=True,
                                 stdout=subprocess.PIPE)
        # Those against daemons take longest, and so start first.
        daemons = [daemon.split("=", 1) for daemon in self.args.daemon]
        # The newest daemon has the most of it to do.
        for version, folder in reversed(daemons):
            jobs += [self.daemon_job(version, folder, suite, suite=suite) for suite in LONG_SUITES]
        shards = self.workers
        for version, folder in daemons:
            jobs += [self.daemon_job(version, folder, f"{shard + 1}/{shards}", shard=shard, shards=shards)
                     for shard in range(shards)]
        for test in json.loads(listing.stdout)["tests"]:
            if test["name"].startswith("unit."):
                jobs.append(Job(test["name"], self.args.launcher.split() + test.get("command", ["not built"]),
                                timeout=UNIT_TIMEOUT))
        return jobs

    def daemon_job(self, version, folder, part, **which):
        path = os.pathsep.join(self.args.path + [os.environ["PATH"]])
        return Job(f"containerd {version} ({part})",
                   self.args.launcher.split() + [os.path.join(self.args.build, "integration_tests")],
                   {"CONTAINERD_CPP_DAEMON_BIN": folder, "PATH": path}, private_tmp=True, **which)

    def run(self):
        results = []
        with concurrent.futures.ThreadPoolExecutor(self.workers) as pool:
            for some in pool.map(self.run_job, self.jobs()):
                results += some
        return results

    def run_job(self, job):
        start = time.time()
        tmp = tempfile.mkdtemp(prefix="ct-")
        os.chmod(tmp, 0o711)  # tasks in user namespaces pass through it
        env = dict(os.environ, **job.env)
        if job.private_tmp:
            env["TMPDIR"] = tmp
        try:
            results = self.run_gtest(job, env) if job.gtest else [self.run_check(job, env)]
            if job.private_tmp:
                results += self.sweep(job, tmp)
        except Exception as error:  # a defect of this script is a failure too
            results = [Result(job.name, "runner", "failed", repr(error))]
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
        counts = count(results)
        if results:
            self.say(f"{job.name}: {summary(counts)} in {time.time() - start:.1f} s")
        return results

    def execute(self, command, env, log, timeout):
        """The exit status; None if it took too long."""
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGABRT)
            process.wait()
            return None

    def run_check(self, job, env):
        with open(self.log_path(job), "w+", errors="replace") as log:
            status = self.execute(job.command, env, log, job.timeout)
            log.seek(0)
            return Result("", job.name, "passed" if status == 0 else "failed", log.read())

    def log_path(self, job):
        return os.path.join(self.logs, re.sub(r"[^\w.]+", "-", job.name).strip("-") + ".log")

    def run_gtest(self, job, env):
        tests = self.list_tests(job, env)
        results = {}
        log_path = self.log_path(job)
        with open(log_path, "w"):
            pass
        # After a crash once more, with the tests that it kept from running.
        while len(results) < len(tests):
            left = [t for t in tests if t not in results]
            report = log_path + ".xml"
            with open(log_path, "a") as log:
                begin = log.tell()
                options = [f"--gtest_filter={':'.join(left)}", f"--gtest_output=xml:{report}"]
                status = self.execute(job.command + options, env, log, job.timeout)
            with open(log_path, errors="replace") as log:
                log.seek(begin)
                output = log.read()
            new = from_xml(job, report, output) if os.path.exists(report) else from_log(job, output, status)
            new = {name: r for name, r in new.items() if name in tests}
            if not any(name in new for name in left):
                for name in left:
                    new[name] = Result(job.name, name, "failed", f"did not run: {describe(status)}\n{output[-4000:]}")
            results.update(new)
            if os.path.exists(report):
                os.unlink(report)
                if status != 0 and not any(r.outcome == "failed" for r in new.values()):
                    results["exit"] = Result(job.name, "exit", "failed",
                                             f"all tests passed, but {describe(status)}\n{output[-8000:]}")
                    break
        return list(results.values())

    def list_tests(self, job, env):
        listing = subprocess.run(job.command + ["--gtest_list_tests", f"--gtest_filter={self.args.filter}"], env=env,
                                 check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        tests, suite = [], ""
        for line in listing.stdout.splitlines():
            line = line.split("#")[0].rstrip()
            if re.fullmatch(r"\S+\.", line):
                suite = line
            elif line.startswith("  "):
                tests.append(suite + line.strip())
        tests = [t for t in tests if not re.search(r"(^|[./])DISABLED_", t)]
        if job.suite:
            return [t for t in tests if t.startswith(job.suite + ".")]
        if job.private_tmp:
            tests = [t for t in tests if t.split(".")[0] not in LONG_SUITES]
        # Shards are cut here: gtest lists the tests of all shards, whichever it runs.
        return tests[job.shard::job.shards]

    def sweep(self, job, tmp):
        """Ends and removes what a test process left behind in its folder; anything is a failure."""
        left = []
        # A daemon that lost its process needs a moment to go.
        deadline = time.time() + 5
        while processes_with(tmp) and time.time() < deadline:
            time.sleep(0.05)
        for pid, command in processes_with(tmp):
            left.append(f"process {pid}: {command}")
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for bundle in glob.glob(tmp + "/**/io.containerd.runtime.v2.task/*/*", recursive=True):
            ns, container = bundle.split("/")[-2:]
            left.append(f"task {container} in namespace {ns}")
            subprocess.run(["runc", "--root", f"/run/containerd/runc/{ns}", "delete", "--force", container],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        with open("/proc/self/mountinfo") as mounts:
            points = [line.split()[4] for line in mounts if line.split()[4].startswith(tmp + "/")]
        for point in reversed(points):
            left.append(f"mount {point}")
            subprocess.run(["umount", "-l", point], check=False)
        left += [f"file {name}" for name in os.listdir(tmp)]
        if not left:
            return []
        return [Result(job.name, "LeavesNothingBehind", "failed", "\n".join(left))]


def processes_with(text):
    found = []
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            with open(folder + "/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text + "/" in command and folder != f"/proc/{os.getpid()}":
            found.append((int(folder[6:]), command))
    return found


def describe(status):
    if status is None:
        return "the process hung and was aborted"
    if status < 0:
        return f"the process was killed by {signal.Signals(-status).name}"
    return f"the process exited with status {status}"


def output_of(name, output):
    """What was printed between the start and the end of a test."""
    start = output.find(f"[ RUN      ] {name}\n")
    if start < 0:
        return output[-4000:]
    end = re.compile(rf"\[  FAILED  \] {re.escape(name)}[ ,(].*").search(output, start)
    text = output[start:end.end() if end else len(output)]
    return text if len(text) < 20000 else text[:10000] + "\n[...]\n" + text[-10000:]


def from_xml(job, report, output):
    results = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.get("status") != "run" and case.find("skipped") is None:
            continue
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        seconds = float(case.get("time", "0"))
        if case.find("failure") is not None:
            results[name] = Result(job.name, name, "failed", output_of(name, output), seconds)
        elif skipped is not None:
            reason = skipped.get("message", "").strip().splitlines()
            results[name] = Result(job.name, name, "skipped", reason[-1] if reason else "", seconds)
        else:
            results[name] = Result(job.name, name, "passed", "", seconds)
    return results


def from_log(job, output, status):
    """For a process that did not live to write its report: what its output tells."""
    results = {}
    for match in re.finditer(r"\[ RUN      \] (\S+)\n", output):
        name = match[1]
        end = re.compile(rf"\[ +(OK|FAILED|SKIPPED) +\] {re.escape(name)}[ ,(]").search(output, match.end())
        outcome = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[end[1]] if end else "failed"
        detail = ""
        if outcome == "failed":
            detail = output_of(name, output) + ("" if end else "\n" + describe(status))
        elif outcome == "skipped":
            detail = output[match.end():end.start()].strip().splitlines()[-1]
        results[name] = Result(job.name, name, outcome, detail)
    return results


def full_name(result):
    return f"{result.test} [{result.job}]" if result.job else result.test


def count(results):
    return {kind: sum(r.outcome == kind for r in results) for kind in ("passed", "failed", "skipped")}


def summary(counts):
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


def main():
    # A shell that starts this in the background has it ignore interrupts, and the tests' programs would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--filter", default="")
    parser.add_argument("--launcher", default="")
    parser.add_argument("--daemon", action="append", default=[])
    parser.add_argument("--path", action="append", default=[], help="a folder of programs for the daemons")
    parser.add_argument("--skipped", action="append", default=[])
    parser.add_argument("--check", action="append", default=[])
    args = parser.parse_args()
    args.filter = args.filter or "*"

    results = Runner(args).run()
    results += [Result("", "integration tests", "skipped", reason) for reason in args.skipped]

    failed = [r for r in results if r.outcome == "failed"]
    for result in failed:
        print(f"\n--- {full_name(result)}\n{result.detail.rstrip()}")
    if failed:
        print("\nfailed:")
        for result in failed:
            print(f"  {full_name(result)}")
    reasons = {}
    for result in results:
        if result.outcome == "skipped":
            where = re.sub(r" \([\w/]+\)$", "", result.job)
            reasons.setdefault((where, result.detail), []).append(result.test)
    if reasons:
        print("\nskipped:")
        for (where, reason), tests in sorted(reasons.items()):
            print(f"  {where + ': ' if where else ''}{', '.join(sorted(tests))}: {reason}")
    counts = count(results)
    print(summary(counts))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
