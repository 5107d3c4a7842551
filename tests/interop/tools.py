#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tools as a person or a program meets them: options, exit codes, messages, signals, threads, IPv6."""
import json
import os
import signal
import socket
import struct
import subprocess
import time

from harness import BIN, NAME, SECRET, TARGET, USER, Server, Suite, expect, initiator, run, same_bytes
from peer import RESPONSE, Peer

suite = Suite()
TOOLS = ("iscsi-target", "iscsi-initiator", "stp-target", "stp-initiator")


@suite.test("each tool has --help and --version")
def help_and_version():
    for tool in TOOLS:
        expect("Usage: " + tool in run(BIN / tool, "--help"), tool)
        expect("libiscsiproto" in run(BIN / tool, "--version"), tool)


@suite.test("wrong usage ends with 2 and names what is wrong")
def usage():
    for words, named in (((), "--target"), (("--target", "nonsense"), "--target"), (("--lun", "0=ram:1M"), "--lun"),
                         (("--target", TARGET, "--lun", "0=disk"), "--lun"), (("--target", TARGET, "--lun", "x=ram:1M"), "--lun"),
                         (("--target", TARGET, "--lun", "0=ram:1M", "--set", "Nonsense=1"), "Nonsense"),
                         (("--target", TARGET, "--lun", "0=ram:1M", "--set", "MaxBurstLength=1"), "MaxBurstLength"),
                         (("--auth", "/nonexistent"), "--auth"), (("--threads", "0"), "--threads"), (("--nonsense",), "--nonsense"),
                         (("--allow", "300.1.1.1"), "--allow"), (("--listen", "1:2:3"), "--listen")):
        out = run(BIN / "iscsi-target", *words, ok=[2])
        expect(named in out, words, "->", out)
    for words, named in (((), "command"), (("read", "iscsi://h/a b"), "not a name"), (("read", f"iscsi://127.0.0.1/{TARGET}"), "--lba"),
                         (("fly", "iscsi://h"), "fly"), (("discover", "http://h"), "iscsi://"),
                         (("bench", f"iscsi://127.0.0.1/{TARGET}/0", "--op", "fly"), "--op")):
        out = initiator(*words, ok=[2])
        expect(named in out, words, "->", out)


@suite.test("a failure on the wire ends with 1 and one line that says what, where and why")
def failures():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    out = initiator("inquiry", "--retry-for", 0, f"iscsi://127.0.0.1:{port}/{TARGET}/0", ok=[1])
    expect(out.count("\n") == 1 and f"127.0.0.1:{port}" in out and "refused" in out, out)
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M")
    out = initiator("inquiry", f"{server.url}/{TARGET}x/0", ok=[1])
    expect("not found" in out.lower() or "0203" in out, out)
    out = initiator("read", f"{server.url}/{TARGET}/0", "--lba", 5000, "--blocks", 1, "--to", "-", ok=[1])
    expect("beyond the end" in out, out)
    out = initiator("capacity", f"{server.url}/{TARGET}/7", ok=[1])
    expect("LOGICAL UNIT NOT SUPPORTED" in out.upper(), out)
    run(BIN / "iscsi-target", "--target", TARGET, "--lun", "0=file:/nonexistent/x", ok=[1])


@suite.test("compare finds the first difference")
def compare():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:4M")
    data = suite.random_file("data", 1 << 20)
    initiator("write", f"{server.url}/{TARGET}/0", "--lba", 16, "--from", data)
    initiator("compare", f"{server.url}/{TARGET}/0", "--lba", 16, "--from", data)
    with open(data, "r+b") as f:
        f.seek(777777)
        byte = f.read(1)
        f.seek(777777)
        f.write(bytes([byte[0] ^ 1]))
    out = initiator("compare", f"{server.url}/{TARGET}/0", "--lba", 16, "--from", data, ok=[1])
    expect("777777" in out, out)


@suite.test("pipes: read to stdout, write from stdin")
def pipes():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:4M")
    url = f"{server.url}/{TARGET}/0"
    data = os.urandom(300000)
    done = subprocess.run([BIN / "iscsi-initiator", "write", url, "--lba", "3", "--from", "-"], input=data, check=False)
    expect(done.returncode == 0, "write")
    done = subprocess.run([BIN / "iscsi-initiator", "read", url, "--lba", "3", "--blocks", "586", "--to", "-"], capture_output=True,
                          check=False)
    expect(done.returncode == 0 and done.stdout[:300000] == data and not done.stdout[300000:].strip(b"\0"), "read back")


@suite.test("--stats prints one line of JSON on SIGUSR1 and at the end")
def stats():
    server = Server(suite, "--stats", "--target", TARGET, "--lun", "0=ram:1M")
    initiator("read", f"{server.url}/{TARGET}/0", "--lba", 0, "--blocks", 8, "--to", suite.path("x"))
    server.process.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    server.stop()
    lines = [json.loads(x) for x in server.text().splitlines() if x.startswith("{")]
    expect(len(lines) == 2, lines)
    expect(lines[1]["logins"] == 1 and lines[1]["targets"][0]["luns"][0]["read_bytes"] == 4096, lines[1])


@suite.test("IPv6 portals, and several at once")
def ipv6():
    process = suite.serve("--listen", "[::1]:0", "--target", TARGET, "--lun", "0=ram:1M")
    portals = [x.split()[-1] for x in process.text().splitlines() if x.startswith("listening on ")]
    expect(len(portals) == 2 and portals[1].startswith("[::1]:"), portals)
    out = initiator("discover", f"iscsi://{portals[1]}")
    expect(all(f"{TARGET} {p},1" in out for p in portals), out)
    initiator("inquiry", f"iscsi://{portals[1]}/{TARGET}/0")


@suite.test("targets are spread over threads, and each serves its own")
def threads():
    names = [f"{TARGET}{i}" for i in range(4)]
    server = suite.serve("--threads", 3, *(w for n in names for w in ("--target", n, "--lun", "0=ram:8M")))
    data = suite.random_file("data", 4 << 20)
    running = [subprocess.Popen([BIN / "iscsi-initiator", "write", f"{server.url}/{n}/0", "--lba", "0", "--from", data]) for n in names]
    expect([p.wait(60) for p in running] == [0] * 4, "writes at the same time")
    for n in names:
        initiator("compare", f"{server.url}/{n}/0", "--lba", 0, "--from", data)


def sense_of(peer, cdb, edtl):
    """(status, key, code) of a command; data is taken away."""
    itt = peer.command(cdb, edtl, read=True)
    data = b""
    while True:
        pdu = peer.receive()
        if pdu.itt != itt:
            continue
        if pdu.opcode == RESPONSE:
            s = pdu.data[2:]
            return (pdu.status, s[2] & 15, s[12] << 8 | s[13]) if s else (pdu.status, 0, 0), data
        data += pdu.data
        if pdu.flags & 1:
            return (0, 0, 0), data


CAPACITY = struct.pack(">BBQIBB", 0x9e, 0x10, 0, 32, 0, 0)


@suite.test("SIGHUP takes over a new size and new units, and tells every initiator")
def hot():
    path, listed = suite.path("grows"), suite.file("units", "# none yet\n")
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{path},create=1M", "--lun-file", listed)
    with Peer(server.port) as peer:
        peer.login(TARGET)
        peer.read_blocks()
        os.truncate(path, 2 << 20)
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        status, _ = sense_of(peer, CAPACITY, 32)
        expect(status == (2, 6, 0x2a09), "CAPACITY DATA HAS CHANGED, not", status)
        status, data = sense_of(peer, CAPACITY, 32)
        expect(status[0] == 0 and int.from_bytes(data[:8], "big") == (2 << 20) // 512 - 1, status, data)
        suite.file("units", "5=ram:3M\n")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        status, _ = sense_of(peer, CAPACITY, 32)
        expect(status == (2, 6, 0x3f0e), "REPORTED LUNS DATA HAS CHANGED, not", status)
    expect("5 3145728 " in initiator("luns", f"{server.url}/{TARGET}/0"), "the new unit")
    suite.file("units", "")
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    expect("5 3145728 " not in initiator("luns", f"{server.url}/{TARGET}/0"), "the unit is gone again")


@suite.test("an initiator goes on where the target was started again")
def again():
    path = suite.path("unit")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    words = [str(BIN / "iscsi-target"), "--listen", f"127.0.0.1:{port}", "--target", TARGET, "--lun", f"0=file:{path},create=64M"]
    first = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    data = suite.random_file("data", 64 << 20)
    writer = subprocess.Popen([BIN / "iscsi-initiator", "write", f"iscsi://127.0.0.1:{port}/{TARGET}/0", "--lba", "0", "--from", data,
                               "--retry", "20"], stderr=subprocess.PIPE)
    time.sleep(0.03)
    first.kill()
    first.wait()
    second = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    code = writer.wait(60)
    second.terminate()
    second.wait(20)
    expect(code == 0, writer.stderr.read())
    same_bytes(data, path)


suite.run()
