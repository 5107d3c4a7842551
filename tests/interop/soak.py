#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A life of the tools in short: several initiators of both protocols write, read and compare on memory and files at once, over
networks good and bad, while targets are told to read their files again, asked for statistics, ended and killed. Whatever a tool
called done must be so at every moment, and a target that has lived through it has no more memory and files open than before.

SOAK_SECONDS=N (default 120) is how long it takes; 0 is without end, until it is interrupted (`make soak`).
TEST_SEED=N chooses another life."""
import os
import random
import signal
import subprocess
import sys
import threading
import time

from harness import BIN, TARGET, Failed, Server, Suite, expect
from unsteady_link import UnsteadyLink

suite = Suite()
SECONDS = float(os.environ.get("SOAK_SECONDS", "120"))
SEED = int(os.environ.get("TEST_SEED", "1"))
REGION = 4 << 20
TRIES = ("--retry", "1000", "--timeout", "20", "--retry-for", "120")


class Life:
    """A target that may be ended and started again on its port; whoever uses it holds `served` meanwhile."""

    def __init__(self, tool, options, lasts):
        self.tool, self.options, self.lasts = tool, options, lasts
        self.server = Server(suite, *options, tool=tool)
        self.port = self.server.port

    def again(self, how):
        """Ends it (SIGTERM or SIGKILL) and starts it on the same port."""
        if how == signal.SIGTERM:
            self.server.stop()
        else:
            self.server.process.kill()
            self.server.process.wait()
        self.server = Server(suite, *self.options, tool=self.tool, port=self.port)

    def usage(self):
        pid = self.server.process.pid
        with open(f"/proc/{pid}/statm") as f:
            return int(f.read().split()[1]) * 4096, len(os.listdir(f"/proc/{pid}/fd"))


class Worker(threading.Thread):
    """One initiator with a region of its own, which it knows byte by byte."""

    def __init__(self, number, life, port, url, until):
        super().__init__(daemon=True)
        self.number, self.life, self.port, self.url, self.until = number, life, port, url, until
        self.rng = random.Random(f"{SEED}/{number}")
        self.model = bytearray(REGION)
        self.rounds, self.why = 0, None
        self.path = suite.path(f"worker-{number}")

    def tool(self, command, at, *words):
        tool = BIN / ("iscsi-initiator" if self.url.startswith("iscsi") else "stp-initiator")
        words = [str(tool), command, self.url, "--lba", str((self.number % 4 * REGION + at) // 512), *map(str, words), *TRIES]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400, check=False)
        expect(done.returncode == 0, f"round {self.rounds}: {' '.join(words)}: exit code {done.returncode}: {done.stdout[-600:]}")

    def write(self, at, length):
        data = self.rng.randbytes(length)
        with open(self.path, "wb") as f:
            f.write(data)
        self.tool("write", at, "--from", self.path)
        self.model[at:at + length] = data

    def read(self, at, length):
        self.tool("read", at, "--blocks", length // 512, "--to", self.path)
        with open(self.path, "rb") as f:
            expect(f.read() == bytes(self.model[at:at + length]), f"worker {self.number}, round {self.rounds}: wrong bytes from {at} on")

    def compare(self, at, length):
        with open(self.path, "wb") as f:
            f.write(self.model[at:at + length])
        self.tool("compare", at, "--from", self.path)

    def run(self):
        try:
            self.write(0, REGION)
            while time.monotonic() < self.until:
                at = self.rng.randrange(REGION // 512) * 512
                length = min(REGION - at, self.rng.choice((512, 4096, 65536, 1 << 20)) * self.rng.randrange(1, 4))
                self.rng.choice((self.write, self.read, self.compare))(at, length)
                self.rounds += 1
            self.read(0, REGION)
        except (Failed, subprocess.TimeoutExpired) as why:
            self.why = str(why)
            self.until = 0


def lives():
    """Targets, and who uses them: [(life, [(port, url)])]."""
    file_one, file_two = suite.path("one"), suite.path("two")
    units = suite.file("units", f"0=file:{file_one},create=16M\n# a unit that nobody uses\n3=ram:1M\n")
    iscsi_file = Life("iscsi-target", ("--target", TARGET, "--lun-file", units, "--threads", "2"), True)
    iscsi_ram = Life("iscsi-target", ("--target", TARGET, "--lun", "0=ram:16M"), False)
    stp_file = Life("stp-target", ("--lun", f"0=file:{file_two},create=16M"), True)
    return [(iscsi_file, "iscsi://127.0.0.1:{}/" + TARGET + "/0"), (iscsi_ram, "iscsi://127.0.0.1:{}/" + TARGET + "/0"),
            (stp_file, "stp://127.0.0.1:{}/0")]


def disturb(rng, all_lives):
    """Something that may happen to a target at any time."""
    life = rng.choice(all_lives)[0]
    deed = rng.choice((signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGKILL))
    if deed in (signal.SIGHUP, signal.SIGUSR1):
        life.server.process.send_signal(deed)
    elif life.lasts:  # memory does not outlive its program
        life.again(deed)


def progress(workers, links):
    if sys.stderr.isatty():
        print(f"\r{sum(w.rounds for w in workers)} rounds, {sum(x.cuts for x in links)} cuts ", end="", file=sys.stderr)


@suite.test("nothing is lost in a life of restarts, kills, signals and bad networks, and nothing is left over")
def soak():
    rng = random.Random(SEED)
    until = time.monotonic() + (SECONDS or 1e9)
    all_lives, workers, links = lives(), [], []
    for life, url in all_lives:
        for k in range(3):
            port = life.port
            if k == 2:
                links.append(UnsteadyLink(life.port, f"{SEED}/{len(links)}", cut_every=6 << 20, stall=0.5))
                port = links[-1].port
            workers.append(Worker(len(workers) // 3 * 4 + k, life, port, url.format(port), until))
    before = {}
    for worker in workers:
        worker.start()
    nudge = time.monotonic() + 2
    while any(w.is_alive() for w in workers):
        time.sleep(0.2)
        progress(workers, links)
        expect(all(life.server.alive() for life, _ in all_lives), "a target ended:", *(x.server.text()[-800:] for x, _ in all_lives))
        if not before and time.monotonic() > until - SECONDS * 0.7:
            before = {all_lives[1][0]: all_lives[1][0].usage()}
        if nudge < time.monotonic() < until:
            disturb(rng, all_lives)
            nudge = time.monotonic() + rng.uniform(1, 4)
    for link in links:
        link.close()
    expect(not any(w.why for w in workers), *(w.why for w in workers if w.why))
    print(f"# {sum(w.rounds for w in workers)} rounds, {sum(x.cuts for x in links)} cuts", flush=True)
    time.sleep(2)
    for life, (memory, files) in before.items():
        now, still = life.usage()
        expect(now < memory + (8 << 20) and still <= files, "memory and files of a target:", memory, files, "then", now, still)
    for life, _ in all_lives:
        life.server.stop()


suite.run()
