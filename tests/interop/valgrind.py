#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Both target tools under valgrind, through a day's work: memory and files, CHAP, digests, foreign bytes, lost connections, units that
come and go, an orderly end. No byte is used before it was written or after it was given back, and none is lost."""
import os
import pathlib
import random
import signal
import time

from harness import BIN, TARGET, Suite, expect, initiator, need, run
from peer import Peer
from unsteady_link import UnsteadyLink

suite = Suite()
UNDER = ("valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect", "--child-silent-after-fork=yes")
TRIES = ("--retry", "100", "--timeout", "60")


def foreign(port):
    """Bytes of other protocols, a login that breaks off, a session that vanishes."""
    rng = random.Random(5)
    for first in (bytes(48), b"GET / HTTP/1.1\r\n\r\n", rng.randbytes(500), b"\x43\x87" + bytes(46)):
        with Peer(port, timeout=60) as p:
            p.send(first)
    time.sleep(0.3)


def round_trip(tool, url, port, *options):
    data = suite.random_file("data", 600000 // 512 * 512)
    run(tool, "write", url, "--lba", 5, "--from", data, *TRIES, *options)
    run(tool, "compare", url, "--lba", 5, "--from", data, *TRIES, *options)
    with UnsteadyLink(port, 3, cut_every=200000) as link:
        lost = url.replace(f":{port}", f":{link.port}")
        run(tool, "compare", lost, "--lba", 5, "--from", data, *TRIES, *options)


@suite.test("iscsi-target")
def iscsi_target():
    need("valgrind")
    disk = suite.path("disk")
    units = suite.file("units", f"0=file:{disk},create=4M\n2=ram:1M,removable\n")
    serving, asking = suite.auth_files()
    server = suite.serve("--threads", "2", "--auth", serving, "--target", TARGET, "--lun-file", units, "--lun", "1=ram:4M", under=UNDER)
    auth = ("--auth", asking)
    initiator("discover", server.url, *auth, timeout=120)
    for lun, digests in ((0, ()), (1, ("--set", "HeaderDigest=CRC32C", "--set", "DataDigest=CRC32C"))):
        url = f"{server.url}/{TARGET}/{lun}"
        round_trip(BIN / "iscsi-initiator", url, server.port, *auth, *digests)
        for command in ("inquiry", "capacity", "luns"):
            initiator(command, url, *auth, timeout=120)
        initiator("reset", url, "--lun", *auth, timeout=120)
    foreign(server.port)
    pathlib.Path(units).write_text(f"0=file:{disk}\n3=ram:64K\n")
    for sign in (signal.SIGHUP, signal.SIGUSR1):
        server.process.send_signal(sign)
        time.sleep(0.5)
    initiator("luns", f"{server.url}/{TARGET}/0", *auth, timeout=120)


@suite.test("stp-target")
def stp_target():
    need("valgrind")
    disk = suite.path("frames")
    server = suite.serve("--lun", f"0=file:{disk},create=4M", "--lun", "1=ram:4M", tool="stp-target", under=UNDER)
    for lun in (0, 1):
        round_trip(BIN / "stp-initiator", f"stp://{server.address}/{lun}", server.port)
    foreign(server.port)
    server.process.send_signal(signal.SIGUSR1)
    time.sleep(0.5)
    expect(server.alive(), server.text())


suite.run()
