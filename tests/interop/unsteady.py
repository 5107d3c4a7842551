#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Both protocols over a bad network: connections that are cut in the middle of a PDU, stall, and damage bytes. What a tool calls
written is on the disk, what it read is what was there, and the target is as it was before.

TEST_SECONDS=N (default 10) is how long each kind of network is used."""
import os
import random
import time

from harness import BIN, TARGET, Suite, expect, run, same_bytes
from unsteady_link import UnsteadyLink

suite = Suite()
SECONDS = float(os.environ.get("TEST_SECONDS", "10"))
SEED = int(os.environ.get("TEST_SEED", "1"))
SIZE = 16 << 20
TRIES = ("--retry", "1000", "--timeout", "20")
DIGESTS = ("--set", "HeaderDigest=CRC32C", "--set", "DataDigest=CRC32C")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Bench:
    """A target, a model of its disk, and the tool that fits."""

    def __init__(self, protocol):
        self.iscsi = protocol == "iscsi"
        if self.iscsi:
            self.server = suite.serve("--target", TARGET, "--lun", f"0=ram:{SIZE}")
        else:
            self.server = suite.serve("--lun", f"0=ram:{SIZE}", tool="stp-target")
        self.tool = BIN / ("iscsi-initiator" if self.iscsi else "stp-initiator")
        self.model = bytearray(SIZE)
        self.files = open_files(self.server.process.pid)

    def url(self, port):
        return f"iscsi://127.0.0.1:{port}/{TARGET}/0" if self.iscsi else f"stp://127.0.0.1:{port}/0"

    def write(self, port, at, data, *options):
        run(self.tool, "write", self.url(port), "--lba", at // 512, "--from", suite.file("data", data), *TRIES, *options)
        self.model[at:at + len(data)] = data

    def read(self, port, at, length, *options):
        to = suite.path("read")
        run(self.tool, "read", self.url(port), "--lba", at // 512, "--blocks", length // 512, "--to", to, *TRIES, *options)
        with open(to, "rb") as f:
            expect(f.read() == bytes(self.model[at:at + length]), "wrong bytes from", at, "on")

    def whole(self):
        """Straight, without the network between: the disk is the model."""
        whole = suite.path("whole")
        run(self.tool, "read", self.url(self.server.port), "--lba", 0, "--blocks", SIZE // 512, "--to", whole)
        same_bytes(whole, suite.file("model", bytes(self.model)))

    def as_before(self):
        """Every connection that was lost is gone from the target, too."""
        for _ in range(100):
            if open_files(self.server.process.pid) <= self.files:
                return
            time.sleep(0.1)
        expect(False, "open files:", open_files(self.server.process.pid), "; before:", self.files)


def used(protocol, options=(), **network):
    bench = Bench(protocol)
    rng = random.Random(SEED)
    end = time.monotonic() + SECONDS
    rounds = 0
    with UnsteadyLink(bench.server.port, SEED, **network) as link:
        while rounds < 3 or time.monotonic() < end:
            at, length = rng.randrange(SIZE // 2 // 512) * 512, rng.randrange(1, SIZE // 4 // 512) * 512
            if rng.random() < 0.6:
                bench.write(link.port, at, rng.randbytes(length), *options)
            else:
                bench.read(link.port, at, length, *options)
            rounds += 1
    bench.whole()
    bench.as_before()
    return link


@suite.test("iSCSI connections that are cut anywhere lose nothing")
def cut():
    link = used("iscsi", cut_every=3 << 20)
    expect(link.cuts > 0, "nothing was cut")


@suite.test("frame protocol connections that are cut anywhere lose nothing")
def cut_frames():
    link = used("stp", cut_every=3 << 20)
    expect(link.cuts > 0, "nothing was cut")


@suite.test("damaged bytes are found out by the digests and made good by a new login")
def damaged():
    link = used("iscsi", DIGESTS, damage_every=4 << 20)
    expect(link.damaged > 0, "nothing was damaged")


@suite.test("a network that stalls and delivers in crumbs is only slow")
def slow():
    for protocol in ("iscsi", "stp"):
        link = used(protocol, stall=1.0, delay=0.01, piece=2000)
        expect(link.connections > 0, "the network was not used")


suite.run()
