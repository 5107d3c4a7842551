#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our initiator against tgtd (Debian's tgt)."""
import itertools
import os

from harness import SECRET, TARGET, TARGET_USER, USER, Suite, expect, initiator, same_bytes
from tgtd_server import SIZE, Tgtd

suite = Suite()
MIB = 1 << 20


def round_trip(unit, *options, size=SIZE):
    data = suite.path(f"data-{size}")
    if not os.path.exists(data):
        suite.random_file(f"data-{size}", size)
    back = suite.path("back")
    initiator("write", unit, "--lba", 0, "--from", data, *options, timeout=120)
    initiator("read", unit, "--lba", 0, "--blocks", size // 512, "--to", back, *options, timeout=120)
    same_bytes(data, back)
    initiator("compare", unit, "--lba", 0, "--from", data, *options, timeout=120)


@suite.test("discover, luns, inquiry and capacity are answered")
def asks():
    tgtd = Tgtd(suite)
    out = initiator("discover", tgtd.url)
    expect(f"{TARGET} 127.0.0.1:{tgtd.port},1" in out, out)
    expect("IET" in initiator("inquiry", tgtd.unit), "vendor")
    out = initiator("capacity", tgtd.unit)
    expect(f"bytes: {SIZE}" in out and "block size: 512" in out, out)
    out = initiator("luns", tgtd.unit)
    expect(f"1 {SIZE} " in out, out)
    out = initiator("ping", tgtd.unit, "--count", 3, "--size", 2000)
    expect("3 pings" in out, out)
    initiator("reset", tgtd.unit, "--lun")


@suite.test("64 MiB come back as they were written")
def large():
    tgtd = Tgtd(suite)
    round_trip(tgtd.unit)
    same_bytes(suite.path(f"data-{SIZE}"), tgtd.file)


@suite.test("CHAP: one way, both ways, and refused where a secret is wrong")
def chap():
    tgtd = Tgtd(suite, chap=True, mutual=True)
    one = suite.file("one.auth", f"outgoing {USER} {SECRET}\n")
    _, both = suite.auth_files()
    wrong = suite.file("wrong.auth", f"outgoing {USER} wrong-secret-of-ours\n")
    doubt = suite.file("doubt.auth", f"outgoing {USER} {SECRET}\nincoming {TARGET_USER} other-secret-of-his\n")
    initiator("inquiry", tgtd.unit, "--auth", one)
    round_trip(tgtd.unit, "--auth", both, size=4 * MIB)
    out = initiator("inquiry", tgtd.unit, "--auth", wrong, "--retry", 0, ok=[1])
    expect("0201" in out or "refused" in out or "uthenti" in out, out)
    initiator("inquiry", tgtd.unit, "--auth", doubt, "--retry", 0, ok=[1])
    initiator("inquiry", tgtd.unit, "--retry", 0, ok=[1])


@suite.test("an initiator that demands mutual CHAP refuses a target that leaves it out")
def demands():
    tgtd = Tgtd(suite, chap=True)
    _, both = suite.auth_files()
    initiator("inquiry", tgtd.unit, "--auth", both, "--retry", 0, ok=[1])


@suite.test("digests: none, header, data, both")
def digests():
    tgtd = Tgtd(suite, HeaderDigest="CRC32C,None", DataDigest="CRC32C,None")
    for header, data in itertools.product(("None", "CRC32C"), repeat=2):
        round_trip(tgtd.unit, "--set", f"HeaderDigest={header}", "--set", f"DataDigest={data}", size=8 * MIB)


@suite.test("every combination of InitialR2T and ImmediateData, small and large segments and bursts")
def combinations():
    count = 0
    for initial, immediate in itertools.product(("Yes", "No"), repeat=2):
        tgtd = Tgtd(suite, InitialR2T=initial, ImmediateData=immediate, MaxRecvDataSegmentLength="262144", FirstBurstLength="262144",
                    MaxBurstLength="1048576", MaxOutstandingR2T="1")
        for segment, first, burst in ((512, 512, 512), (512, 4096, 8192), (8192, 65536, 262144), (262144, 262144, 1048576),
                                      (4096, 65536, 65536)):
            round_trip(tgtd.unit, "--set", f"InitialR2T={initial}", "--set", f"ImmediateData={immediate}", "--set",
                       f"MaxRecvDataSegmentLength={segment}", "--set", f"FirstBurstLength={first}", "--set",
                       f"MaxBurstLength={burst}", size=MIB if segment == 512 else 4 * MIB)
            count += 1
        tgtd.stop()
    expect(count == 20, count)


suite.run()
