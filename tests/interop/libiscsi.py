#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""libiscsi's tools (Debian's libiscsi-bin) against our target: with and without CHAP."""
import os
import re

from harness import (BIN, NAME, SECRET, TARGET, TARGET_SECRET, TARGET_USER, USER, Suite, expect, initiator, need, run)

suite = Suite()


def urls(server, auth=""):
    portal = f"iscsi://{auth}{server.address}"
    return portal, f"{portal}/{TARGET}/0"


@suite.test("iscsi-ls lists targets and their units")
def lists():
    need("iscsi-ls")
    server = suite.serve("--target", TARGET, "--lun", "0=ram:64M", "--lun", "3=ram:32M,block=4096", "--target", TARGET + "2",
                         "--lun", "0=ram:1M")
    out = run("iscsi-ls", "-s", urls(server)[0] + "/")
    expect(f"Target:{TARGET} Portal" in out and f"Target:{TARGET}2" in out, out)
    expect(f"Portal:{server.address},1" in out, out)
    expect(re.search(r"Lun:0 .*DIRECT_ACCESS \(Size:6[34]M\)", out) and "Lun:3" in out, out)


@suite.test("iscsi-inq reads the standard data and the vital product data")
def inquires():
    need("iscsi-inq")
    server = suite.serve("--target", TARGET, "--lun", "0=ram:64M,serial=S1234567")
    url = urls(server)[1]
    expect("Peripheral Device Type:DIRECT_ACCESS" in run("iscsi-inq", url), "standard data")
    expect("S1234567" in run("iscsi-inq", "-e", "1", "-c", "128", url), "serial number")
    pages = run("iscsi-inq", "-e", "1", "-c", "0", url)
    for page in ("UNIT_SERIAL_NUMBER", "DEVICE_IDENTIFICATION", "BLOCK_LIMITS", "LOGICAL_BLOCK_PROVISIONING"):
        expect(page in pages, page, "is not among", pages)


@suite.test("iscsi-readcapacity16 reads the size")
def capacity():
    need("iscsi-readcapacity16")
    server = suite.serve("--target", TARGET, "--lun", "0=ram:64M,block=4096")
    out = run("iscsi-readcapacity16", urls(server)[1])
    expect(re.search(r"BLOCK LENGTH IN BYTES:4096", out, re.I), out)
    expect(f"Total size:{64 << 20}" in out, out)


@suite.test("iscsi-perf reads for two seconds at depth 32")
def perf():
    need("iscsi-perf")
    server = suite.serve("--target", TARGET, "--lun", "0=ram:64M")
    out = run("iscsi-perf", "-t", "2", "-m", "32", "-b", "8", urls(server)[1])
    expect("finished" in out, out)


@suite.test("CHAP lets in who knows the secret, and nobody else")
def chap():
    need("iscsi-inq")
    auth, _ = suite.auth_files()
    server = suite.serve("--auth", auth, "--target", TARGET, "--lun", "0=ram:64M")
    run("iscsi-inq", urls(server, f"{USER}%{SECRET}@")[1])
    run("iscsi-inq", urls(server, f"{USER}%wrong-secret-123@")[1], ok=range(1, 256))
    run("iscsi-inq", urls(server)[1], ok=range(1, 256))
    run("iscsi-ls", urls(server, f"{USER}%{SECRET}@")[0] + "/")
    run("iscsi-ls", urls(server)[0] + "/", ok=range(1, 256))


@suite.test("mutual CHAP convinces libiscsi, and a wrong secret of ours does not")
def mutual():
    need("iscsi-inq")
    auth, _ = suite.auth_files()
    server = suite.serve("--auth", auth, "--target", TARGET, "--lun", "0=ram:64M")
    url = urls(server, f"{USER}%{SECRET}@")[1]
    run("iscsi-inq", f"{url}?target_user={TARGET_USER}&target_password={TARGET_SECRET}")
    run("iscsi-inq", f"{url}?target_user={TARGET_USER}&target_password=not-the-secret1", ok=range(1, 256))


@suite.test("header digests hold with libiscsi")
def digests():
    need("iscsi-inq", "iscsi-perf")
    server = suite.serve("--set", "HeaderDigest=CRC32C", "--target", TARGET, "--lun", "0=ram:64M")
    url = urls(server)[1] + "?header_digest=crc32c"
    run("iscsi-inq", url)
    expect("finished" in run("iscsi-perf", "-t", "1", "-m", "16", "-b", "64", url), "perf")


@suite.test("access lists keep others out")
def access():
    need("iscsi-inq")
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M", "--allow-name", NAME, "--target", TARGET + "2", "--lun",
                         "0=ram:1M", "--allow", "10.1.2.0/24")
    run("iscsi-inq", "-i", NAME, urls(server)[1])
    run("iscsi-inq", "-i", NAME + "x", urls(server)[1], ok=range(1, 256))
    run("iscsi-inq", "-i", NAME, f"iscsi://{server.address}/{TARGET}2/0", ok=range(1, 256))
    out = initiator("discover", server.url, "--initiator", NAME)
    expect(f"{TARGET} " in out and f"{TARGET}2" not in out, out)


def algorithms_of_libiscsi():
    """The CHAP algorithms that the libiscsi of this machine offers, by their numbers: 1.19 knows MD5 alone, later ones all four."""
    path = re.search(r"libiscsi\.so\S* => (\S+)", run("ldd", run("which", "iscsi-inq").strip()))[1]
    with open(os.path.realpath(path), "rb") as f:
        offer = re.search(rb"CHAP_A=([5-8](?:,[5-8])*)\0", f.read())
    expect(offer, "what libiscsi offers is not found in it")
    return [int(n) for n in offer[1].split(b",")]


@suite.test("CHAP in both directions by every algorithm that this libiscsi knows; one that it does not know is refused")
def chap_algorithms():
    need("iscsi-inq")
    auth, _ = suite.auth_files()
    known = algorithms_of_libiscsi()
    for number in (5, 6, 7, 8):
        server = suite.serve("--auth", auth, "--target", TARGET, "--lun", "0=ram:1M", "--set", f"CHAP_A={number}")
        url = f"iscsi://{USER}%{SECRET}@{server.address}/{TARGET}/0?target_user={TARGET_USER}&target_password={TARGET_SECRET}"
        text = run("iscsi-inq", url, ok=None)
        expect(("DIRECT_ACCESS" in text) == (number in known), f"CHAP_A={number}, known are {known}:", text)


suite.run()
