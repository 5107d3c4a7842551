#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One receive and one send call for a batch: system calls of the target for each I/O, counted by strace."""
import re
import subprocess
import time

from harness import BIN, TARGET, Suite, expect, need, run

suite = Suite()


def calls_per_io(depth):
    need("strace")
    server = suite.serve("--target", TARGET, "--lun", "0=ram:64M")
    counts = suite.path("strace")
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", counts, "-p", str(server.process.pid)], stderr=subprocess.DEVNULL)
    time.sleep(0.7)
    out = run(BIN / "iscsi-initiator", "bench", f"{server.url}/{TARGET}/0", "--op", "read", "--size", "4K", "--depth", depth,
              "--seconds", "2")
    tracer.terminate()
    tracer.wait(10)
    total = re.search(r"^100\.00.*?(\d+)(?:\s+\d+)? total$", open(counts).read(), re.M)
    expect(total, open(counts).read())
    ios = int(re.search(r'"ios":(\d+)', out)[1])
    expect(ios > 1000, out)
    return int(total[1]) / ios


@suite.test("at depth 1 three calls: wait, receive, send")
def depth_1():
    got = calls_per_io(1)
    expect(got <= 3.1, f"{got:.2f} calls for each I/O")


@suite.test("at depth 32 a quarter of a call")
def depth_32():
    got = calls_per_io(32)
    expect(got <= 0.25, f"{got:.3f} calls for each I/O")


suite.run()
