#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One receive and one send call for a batch: system calls of the target for each I/O, counted by strace."""
import re
import subprocess
import time

from harness import BIN, TARGET, Suite, expect, need, run

suite = Suite()


def calls_per_io(depth, protocol="iscsi", op="read"):
    """All calls of the target for each I/O, and those of one name."""
    need("strace")
    if protocol == "iscsi":
        server = suite.serve("--target", TARGET, "--lun", "0=ram:64M")
        url = f"{server.url}/{TARGET}/0"
    else:
        server = suite.serve("--lun", "0=ram:64M", tool="stp-target")
        url = f"stp://{server.address}/0"
    counts = suite.path("strace")
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", counts, "-p", str(server.process.pid)], stderr=subprocess.DEVNULL)
    time.sleep(0.7)
    out = run(BIN / f"{'iscsi' if protocol == 'iscsi' else 'stp'}-initiator", "bench", url, "--op", op, "--size", "4K", "--depth", depth,
              "--seconds", "2")
    tracer.terminate()
    tracer.wait(10)
    told = open(counts).read()
    total = re.search(r"^100\.00.*?(\d+)(?:\s+\d+)? total$", told, re.M)
    expect(total, told)
    ios = int(re.search(r'"ios":(\d+)', out)[1])
    expect(ios > 500, out)
    each = {line.split()[-1]: int(line.split()[3]) for line in told.splitlines() if re.match(r" *\d+\.\d+ ", line)}
    return int(total[1]) / ios, each


@suite.test("at depth 1 three calls: wait, receive, send")
def depth_1():
    got, _ = calls_per_io(1)
    expect(got <= 3.1, f"{got:.2f} calls for each I/O")


@suite.test("at depth 32 a quarter of a call")
def depth_32():
    got, _ = calls_per_io(32)
    expect(got <= 0.25, f"{got:.3f} calls for each I/O")


@suite.test("over the frame protocol likewise, and a write at depth 1 takes two rounds")
def frames():
    for depth, op, most in ((1, "read", 3.1), (1, "write", 6.2), (32, "read", 0.25), (32, "write", 0.4)):
        got, each = calls_per_io(depth, "frame", op)
        expect(got <= most, f"{got:.3f} calls for each I/O, {op} at depth {depth}")
        rounds = each["epoll_wait"]
        expect(max(each["readv"], each["writev"]) <= rounds * 1.05 + 20, "one receive and one send for each batch:", each)


suite.run()
