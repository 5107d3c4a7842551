#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Peers and readers that stand still, and signals that do not: a socket that is never read, a log that nobody takes, a storm of
SIGHUPs. What they hold is given back in bounded time, and nobody else waits for them."""
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

from harness import BIN, TARGET, Suite, expect, initiator, run
from peer import OP, Peer, header
from stp_peer import READ, Frame, Initiator, Stream

suite = Suite()
READ_10 = struct.pack(">BBIBHB", 0x28, 0, 0, 0, 1024, 0)


class Deaf(Peer):
    """An initiator whose socket takes little, and that does not read from it once it has logged in."""

    def __init__(self, port):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self.cmdsn, self.expstatsn, self.itt = 1, 0, 1

    def log_in(self, name):
        self.login(TARGET, name=name)
        self.read_blocks()
        return self

    def ask_and_stop(self):
        for _ in range(60):
            self.command(READ_10, 1024 * 512, read=True)

    def log_out(self):
        self.send(header(OP["logout"], 0x80, itt=self.tag(), words=(0, self.cmdsn, self.expstatsn)))


def status_of(p, cdb):
    for _ in range(6):
        itt = p.command(cdb)
        pdu = p.receive()
        while pdu.itt != itt:
            if pdu.opcode == 0x20:  # the target's keepalive
                p.nop(itt=0xffffffff, ttt=pdu.ttt)
            pdu = p.receive()
        if pdu.status != 2:
            return pdu.status
    return 2


def deaf_frames(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", port))
    stream = Stream(s, "initiator")
    for n in range(60):
        stream.send(Frame(b"NEWC", n + 1, flags=READ, obuf=READ_10.ljust(16, b"\0"), length=1024 * 512))
    return s


def count(server, key):
    """One of the counters, as SIGUSR1 has them printed."""
    seen = len(server.text())
    server.process.send_signal(signal.SIGUSR1)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        lines = [line for line in server.text()[seen:].splitlines() if line.startswith("{") and line.endswith("}")]
        if lines:
            return json.loads(lines[-1])[key]
        time.sleep(0.05)
    expect(False, "no counters")


@suite.test("peers that never read: session, reservation and connection are gone within a minute, idle or in the middle of a logout")
def deaf():
    servers = [suite.serve("--target", TARGET, "--lun", "0=ram:16M") for _ in range(2)]
    frames = suite.serve("--lun", "0=ram:16M", tool="stp-target")
    with contextlib.ExitStack() as stay:
        deaf_one, others = [], []
        for n, server in enumerate(servers):
            deaf_one.append(stay.enter_context(Deaf(server.port)).log_in("iqn.2026-11.org.example:deaf"))
            others.append(stay.enter_context(Peer(server.port, 60)))
            others[n].login(TARGET, name="iqn.2026-11.org.example:other")
            expect(status_of(deaf_one[n], bytes([0x16, 0, 0, 0, 0, 0])) == 0, "RESERVE")
            expect(status_of(others[n], bytes(6)) == 0x18, "RESERVATION CONFLICT for the other one")
            deaf_one[n].ask_and_stop()
        deaf_one[1].log_out()
        stay.enter_context(contextlib.closing(deaf_frames(frames.port)))
        waiting = {"idle", "logout", "frames"}
        end = time.monotonic() + 90
        while waiting and time.monotonic() < end:
            for n, what in enumerate(("idle", "logout")):
                if what in waiting and status_of(others[n], bytes(6)) == 0 and count(servers[n], "connections") == 1:
                    waiting.remove(what)
            if "frames" in waiting and count(frames, "clients") == 0:
                waiting.remove("frames")
            time.sleep(1)
        expect(not waiting, "still there:", waiting)


@suite.test("SIGTERM ends both targets while peers neither read nor close")
def farewell():
    with contextlib.ExitStack() as stay:
        for tool, words in (("iscsi-target", ("--threads", 2, "--target", TARGET)), ("stp-target", ())):
            server = suite.serve(*words, "--lun", "0=ram:16M", tool=tool)
            for _ in range(5):
                if tool == "iscsi-target":
                    p = stay.enter_context(Deaf(server.port)).log_in("iqn.2026-11.org.example:deaf")
                    p.ask_and_stop()
                    stay.enter_context(Peer(server.port)).send(b"\x43\x87")  # a login that gets no further
                    stay.enter_context(Peer(server.port)).login(None)
                else:
                    stay.enter_context(contextlib.closing(deaf_frames(server.port)))
                    stay.enter_context(socket.create_connection(("127.0.0.1", server.port))).send(b"STP1")
            server.stop()


class Unread:
    """A pipe that nobody reads until text() is asked for."""

    def __init__(self):
        self.read, self.write = os.pipe()

    def fill(self):
        os.set_blocking(self.write, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.write, b"x" * 4096)
        os.set_blocking(self.write, True)

    def text(self):
        """All that comes within a second, but for what it was filled with."""
        got = []

        def take():
            with contextlib.suppress(OSError):
                while piece := os.read(self.read, 65536):
                    got.append(piece)
        threading.Thread(target=take, daemon=True).start()
        time.sleep(1)
        return b"".join(got).lstrip(b"x")


def port_of(process):
    """The port that a process listens at, from the system: it has said so where nobody reads."""
    for _ in range(200):
        inodes = set()
        for fd in os.listdir(f"/proc/{process.pid}/fd"):
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(f"/proc/{process.pid}/fd/{fd}"))
        with open("/proc/net/tcp", encoding="ascii") as table:
            for line in table.read().splitlines()[1:]:
                words = line.split()
                if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                    return int(words[1].split(":")[1], 16)
        time.sleep(0.05)
    expect(False, "it does not listen")


def talk(tool, port):
    """Enough commands that what is told of them fills any pipe."""
    if tool == "stp-target":
        i = Initiator("127.0.0.1", port)
        for _ in range(300):
            i.command([0x12, 0, 0, 0, 36, 0], expect=36)
        i.close()
        return
    for _ in range(3):
        with Peer(port, 20) as p:
            p.login(TARGET)
            for _ in range(100):
                expect(len(p.read_blocks()) == 4096, "READ")


def start_unread(tool, which, pipe, out):
    """A target whose `which` is the pipe, full by now or after the line that says where it listens."""
    words = [BIN / tool, "--listen", "127.0.0.1:0", "--lun", "0=ram:16M", "-vv"]
    if tool == "iscsi-target":
        words[3:3] = ["--target", TARGET]
    if which == "pcap":
        words += ["--pcap", f"/proc/self/fd/{pipe.write}"]
    if which != "stdout":
        pipe.fill()
    process = subprocess.Popen(words, stdout=pipe.write if which == "stdout" else out, pass_fds=[pipe.write],
                               stderr=pipe.write if which == "stderr" else out)
    if which == "stdout":
        port_of(process)
        pipe.fill()
        process.send_signal(signal.SIGUSR1)
    return process


@suite.test("a log, counters or a capture that nobody takes stop nobody, and the program ends")
def unread():
    for tool in ("iscsi-target", "stp-target"):
        for which in ("stderr", "stdout", "pcap"):
            pipe = Unread()
            with open(suite.path("out"), "wb") as out:
                process = start_unread(tool, which, pipe, out)
                try:
                    talk(tool, port_of(process))
                    if which == "stderr":
                        told = pipe.text()
                        expect(b"connected" in told or b"got" in told, "what there was room for comes later:", told[:200])
                    process.send_signal(signal.SIGTERM)
                    expect(process.wait(20) == 0, "exit code", process.returncode)
                finally:
                    process.kill()
                    process.wait()


def storm(pid, numbers, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for n in numbers:
            os.kill(pid, n)


@suite.test("signals that come faster than they are served do not stop a thread")
def signals():
    listed = suite.file("units", "")
    server = suite.serve("--threads", 2, "--target", TARGET, "--lun", "0=ram:1M", "--lun-file", listed, "--target", TARGET + "2", "--lun",
                         "0=ram:1M")
    frames = suite.serve("--lun", "0=ram:1M", tool="stp-target")
    storms = [threading.Thread(target=storm, args=(s.process.pid, (signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP), 3))
              for s in (server, server, server, frames)]
    for s in storms:
        s.start()
    for s in storms:
        s.join()
    for target in (TARGET, TARGET + "2"):
        expect("2048" in initiator("capacity", "--timeout", 20, "--retry", 0, f"{server.url}/{target}/0"), target)
    run(BIN / "stp-initiator", "capacity", "--timeout", 20, f"stp://{frames.address}/0")
    suite.file("units", "1=ram:2M\n")
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 20
    while "1 2097152" not in initiator("luns", f"{server.url}/{TARGET}/0"):
        expect(time.monotonic() < end, "the last SIGHUP is not served")
    expect(count(server, "connections") >= 0 and count(frames, "clients") >= 0, "counters")


suite.run()
