#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures that our tools write, read by tshark: every PDU is dissected, none is malformed, every opcode of ours is seen."""
import collections
import os
import subprocess
import threading
import time

from harness import BIN, NAME, SECRET, TARGET, USER, Suite, expect, initiator, need, run
from tgtd_server import Tgtd

suite = Suite()

OPCODES_OF_A_SESSION = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31}


def dissect(path, port):
    """Opcodes in the capture and how often each; fails on anything that tshark finds wrong.

    One thing is none of ours: INQUIRY data that the initiator itself has cut by its allocation length (qemu asks for
    64 bytes of the device identification page first) is malformed to tshark's SCSI layer.
    """
    need("tshark")
    decode = ["-d", f"tcp.port=={port},iscsi", "-o", "iscsi.desegment_iscsi_messages:TRUE", "-o", "tcp.check_checksum:FALSE"]
    fields = ["iscsi.opcode", "_ws.malformed", "_ws.expert.message", "scsi_sbc.opcode"]
    out = run("tshark", "-r", path, *decode, "-T", "fields", *(w for f in fields for w in ("-e", f)), timeout=300)
    seen = collections.Counter()
    for line in out.splitlines():
        if line.startswith("Running as user") or not line.strip("\t "):
            continue
        opcodes, malformed, message, command = (line + "\t\t\t").split("\t")[:4]
        cut_inquiry = malformed.startswith("[Malformed Packet: SCSI]") and command == "0x12"
        expect(cut_inquiry or (not malformed and "alformed" not in message), "malformed:", line)
        for opcode in opcodes.split(","):
            if opcode:
                seen[int(opcode, 0) & 0x3f] += 1
    return seen


def exercise(url, *options):
    """A session of each kind over our initiator, so that every opcode occurs."""
    data = suite.random_file("data", 4 << 20)
    unit = f"{url}/{TARGET}/0"
    initiator("discover", url, *options)
    initiator("write", unit, "--lba", 0, "--from", data, "--set", "InitialR2T=Yes", "--set", "ImmediateData=No", *options)
    initiator("compare", unit, "--lba", 0, "--from", data, *options)
    initiator("ping", unit, "--size", 100, *options)
    initiator("reset", unit, "--lun", *options)


@suite.test("sessions without digests: target's and initiator's captures")
def plain():
    capture, ours = suite.path("target.pcap"), suite.path("initiator.pcap")
    server = suite.serve("--pcap", capture, "--target", TARGET, "--lun", "0=ram:64M")
    exercise(server.url)
    initiator("inquiry", f"{server.url}/{TARGET}/0", "--pcap", ours)
    server.stop()
    seen = dissect(capture, server.port)
    expect(OPCODES_OF_A_SESSION <= set(seen), "missing:", sorted(OPCODES_OF_A_SESSION - set(seen)), seen)
    expect({0x01, 0x03, 0x06, 0x23, 0x25, 0x26} <= set(dissect(ours, server.port)), "initiator's capture")


@suite.test("sessions with both digests and CHAP both ways")
def digests():
    capture = suite.path("digest.pcap")
    target_auth, initiator_auth = suite.auth_files()
    server = suite.serve("--pcap", capture, "--auth", target_auth, "--target", TARGET, "--lun", "0=ram:64M")
    exercise(server.url, "--auth", initiator_auth, "--set", "HeaderDigest=CRC32C", "--set", "DataDigest=CRC32C")
    server.stop()
    expect(OPCODES_OF_A_SESSION <= set(dissect(capture, server.port)), "opcodes")


@suite.test("libiscsi's sessions with our target")
def libiscsi():
    need("iscsi-ls", "iscsi-inq", "qemu-img")
    capture = suite.path("libiscsi.pcap")
    auth, _ = suite.auth_files()
    server = suite.serve("--pcap", capture, "--auth", auth, "--target", TARGET, "--lun", "0=ram:16M")
    url = f"iscsi://{USER}%{SECRET}@{server.address}"
    run("iscsi-ls", "-s", url + "/")
    run("iscsi-inq", f"{url}/{TARGET}/0")
    image = suite.random_file("image", 16 << 20)
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, f"{url}/{TARGET}/0")
    server.stop()
    seen = dissect(capture, server.port)
    expect({0x01, 0x03, 0x04, 0x23, 0x24, 0x25, 0x21} <= set(seen), seen)


@suite.test("our initiator's sessions with tgtd")
def tgtd():
    need("tgtd")
    capture = suite.path("tgtd.pcap")
    peer = Tgtd(suite)
    data = suite.random_file("data", 4 << 20)
    initiator("write", peer.unit, "--lba", 0, "--from", data, "--pcap", capture)
    seen = dissect(capture, peer.port)
    expect({0x01, 0x03, 0x05, 0x06, 0x21, 0x23, 0x26, 0x31} <= set(seen), seen)


@suite.test("the messages about tasks that another initiator's reset aborted (FastAbort), and their acknowledgments")
def fast_abort():
    capture = suite.path("fast.pcap")
    server = suite.serve("--pcap", capture, "--target", TARGET, "--lun", "0=ram:64M")
    unit = f"{server.url}/{TARGET}/0"
    fast = ("--set", "TaskReporting=FastAbort,ResponseFence,RFC3720", "--set", "InitialR2T=Yes", "--set", "ImmediateData=No")
    data = suite.random_file("fast", 48 << 20)
    over = threading.Event()

    def resets():
        while not over.is_set():
            initiator("reset", unit, "--lun", "--initiator", f"{NAME}.other", ok=[0, 1])

    storm = threading.Thread(target=resets)
    storm.start()
    try:
        initiator("write", unit, "--lba", 0, "--from", data, "--retry", 100, *fast)
    finally:
        over.set()
        storm.join()
    initiator("compare", unit, "--lba", 0, "--from", data)
    server.stop()
    expect({0x32, 0x00} <= set(dissect(capture, server.port)), "no Asynchronous Message, or no NOP-Out that acknowledges it")
    out = run("tshark", "-r", capture, "-d", f"tcp.port=={server.port},iscsi", "-Y", "iscsi.opcode == 0x32", "-T", "fields", "-e",
              "iscsi.asyncevent", timeout=300)
    expect("0x05" in out, out)


@suite.test("the asynchronous logout request of an ending target")
def logout_request():
    capture = suite.path("async.pcap")
    server = suite.serve("--pcap", capture, "--target", TARGET, "--lun", "0=ram:16M")
    bench = subprocess.Popen([str(BIN / "iscsi-initiator"), "bench", f"{server.url}/{TARGET}/0", "--op", "read", "--size", "4K",
                              "--depth", "1", "--seconds", "20", "--retry", "0"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if os.path.getsize(capture) > 20000:
                break
            time.sleep(0.05)
        server.stop()
    finally:
        bench.kill()
        bench.wait()
    expect(0x32 in dissect(capture, server.port), "no Asynchronous Message")


suite.run()
