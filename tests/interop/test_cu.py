#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libiscsi's conformance suite (iscsi-test-cu, Debian's libiscsi-bin) against our disk, and against tgtd beside it.

A test that fails must stand in test_cu_faults.tsv with the evidence that the test itself is wrong; one that is skipped in
test_cu_skips.tsv with its reason. Everything else fails, and so does an entry that is no longer needed. What a plain disk skips
because it is neither removable nor read-only is run on units that are.
"""
import concurrent.futures
import contextlib
import pathlib
import re

from harness import NAME, TARGET, Server, Suite, expect, need, run
from tgtd_server import Tgtd

suite = Suite()
HERE = pathlib.Path(__file__).parent
MAX_SKIPPED = 12


def table(name):
    rows = {}
    for line in (HERE / name).read_text().splitlines():
        if line and not line.startswith("#"):
            test, reason = line.split("\t", 1)
            rows[test] = reason
    return rows


def outcome(text):
    """{suite.test: passed, failed or skipped} of iscsi-test-cu's verbose output."""
    results, family = {}, "?"
    for chunk in re.split(r"^(?=Suite: |  Test: )", text, flags=re.M):
        if chunk.startswith("Suite: "):
            family = chunk.split()[1]
        elif chunk.startswith("  Test: "):
            name = f"{family}.{chunk.split()[1]}"
            if "...FAILED" in chunk or re.search(r"^FAILED$", chunk, re.M):
                results[name] = "failed"
            elif "[SKIPPED]" in chunk.split("passed")[0]:
                results[name] = "skipped"
            else:
                results[name] = "passed"
    return results


def test_cu(url, tests="ALL", timeout=300, ok=None):
    need("iscsi-test-cu")
    out = run("iscsi-test-cu", "-d", "-S", "-v", "-i", NAME, "-I", NAME + "-2", "-t", tests, url, url, timeout=timeout, ok=ok)
    expect("Run Summary" in out, "it did not come to its end:", out[-1500:])
    return outcome(out), out


def total(what, results):
    counts = [sum(1 for r in results.values() if r == k) for k in ("passed", "skipped", "failed")]
    print(f"# iscsi-test-cu {what}: {counts[0]} passed, {counts[1]} skipped, {counts[2]} failed", flush=True)
    return counts


def whole_suite(unit):
    server = Server(suite, "--target", TARGET, "--lun", f"0={unit}")
    try:
        return test_cu(f"{server.url}/{TARGET}/0")
    finally:
        server.stop()


def against_tgtd():
    with contextlib.ExitStack() as own:
        peer = Tgtd(suite, own)
        return test_cu(peer.unit, timeout=400)


# The suite sleeps most of its time: all runs go at once, and are judged one after the other.
RUNS = {
    "RAM, 512-byte blocks": lambda: whole_suite("ram:64M"),
    "RAM, 4096-byte blocks": lambda: whole_suite("ram:64M,block=4096"),
    "file, 512-byte blocks": lambda: whole_suite(f"file:{suite.path('u512')},create=64M"),
    "file, 4096-byte blocks": lambda: whole_suite(f"file:{suite.path('u4096')},create=64M,block=4096"),
    "tgtd": against_tgtd,
}
pool = concurrent.futures.ThreadPoolExecutor(len(RUNS))
under_way = {what: pool.submit(work) for what, work in RUNS.items()}


def judge(what):
    results, out = under_way[what].result()
    total(what, results)
    known, skips = table("test_cu_faults.tsv"), table("test_cu_skips.tsv")
    expect(len(results) == 230, len(results), "tests were run")
    failed = {t for t, r in results.items() if r == "failed"}
    skipped = {t for t, r in results.items() if r == "skipped"}
    expect(failed <= set(known), "failed:", sorted(failed - set(known)), *(out[out.find(f"Test: {t.split('.')[1]} "):][:900]
                                                                          for t in sorted(failed - set(known))[:2]))
    expect(failed == set(known), "no longer failing, to be taken off the list:", sorted(set(known) - failed))
    expect(skipped <= set(skips), "skipped without a reason:", sorted(skipped - set(skips)))
    expect(len(skipped) <= MAX_SKIPPED, len(skipped), "skipped")


@suite.test("a RAM disk with blocks of 512 bytes")
def ram_512():
    judge("RAM, 512-byte blocks")


@suite.test("a RAM disk with blocks of 4096 bytes")
def ram_4096():
    judge("RAM, 4096-byte blocks")


@suite.test("a file with blocks of 512 bytes")
def file_512():
    judge("file, 512-byte blocks")


@suite.test("a file with blocks of 4096 bytes")
def file_4096():
    judge("file, 4096-byte blocks")


def all_pass(unit, *tests):
    server = suite.serve("--target", TARGET, "--lun", f"0={unit}")
    for test in tests:
        results, out = test_cu(f"{server.url}/{TARGET}/0", test)
        expect(results and set(results.values()) == {"passed"}, test, results, out[-1500:])
        total(f"{unit}, {test}", results)


@suite.test("what only a removable medium has")
def removable():
    # each alone: the second path of the suite would meet the unit attentions of the resets that another test did
    all_pass("ram:64M,removable", *(f"SCSI.PreventAllow.{t}" for t in (
        "Simple", "Eject", "ITNexusLoss", "Logout", "WarmReset", "ColdReset", "LUNReset", "2ITNexuses")), "SCSI.StartStopUnit",
             "SCSI.NoMedia")


@suite.test("what only a write-protected medium has")
def read_only():
    all_pass("ram:64M,ro", "SCSI.ReadOnly")


@suite.test("tgtd of the same machine, for comparison")
def tgtd():
    results, _ = under_way["tgtd"].result()
    total("tgtd", results)


suite.run()
