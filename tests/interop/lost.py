#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Connections, targets and caches that are lost under our initiators: what was answered and is gone is written again, each command
goes on, the target is left in peace for as long as it asked, and what is given up is told with what is certain."""
import contextlib
import os
import re
import socket
import subprocess
import threading
import time

import stp_peer
from harness import BIN, TARGET, Server, Suite, expect, run
from hostile_target_kit import Target
from mock_target import BLOCK, FLUSHES, READS, SIZES, WRITES, Disk
from peer import NO_TAG, OP, Pdu

suite = Suite()
PIECE = 256 << 10


def tool(port, *words, ok=(0,), data=None, retry_for=20, path=f"/{TARGET}/0"):
    return run(BIN / "iscsi-initiator", *words, "--timeout", 5, "--retry-for", retry_for, f"iscsi://127.0.0.1:{port}{path}", ok=ok, data=data,
               timeout=60)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def one_line(out):
    expect(out.count("\n") == 1 and out[:-1].isprintable(), repr(out))
    return out


# --- a cache that is lost ---

def once(what, when):
    """Calls what(c, q) at the first command of a kind for which when(how many of them there were) holds."""
    state = {"n": 0, "done": False}

    def on_command(kinds):
        def hook(c, q, cdb):
            if cdb[0] not in kinds or state["done"]:
                return False
            state["n"] += 1
            if not when(state["n"]):
                return False
            state["done"] = True
            return what(c, q)
        return hook
    return on_command


@suite.test("what a target had in its cache when it was reset is written again: in the middle, while it is flushed, at the end")
def reset():
    size = 5 * (PIECE // BLOCK)
    data = os.urandom(size * BLOCK)
    for where, kinds, when in (("in the middle", WRITES, 4), ("while it is flushed", FLUSHES, 1), ("after the first", WRITES, 2)):
        disk = Disk()
        disk.on_command = once(lambda c, q, disk=disk: disk.power_cut(), lambda n, when=when: n == when)(kinds)
        with Target(disk.script) as here:
            tool(here.port, "write", "--lba", 7, "--from", "-", data=data)
        expect(disk.contents()[7 * BLOCK:(7 + size) * BLOCK] == data, where)
        expect(not disk.cache, where, "and flushed")


@suite.test("what had no flush when the target died is written again from a pipe that cannot be read twice, over both protocols")
def reconnect():
    data = os.urandom(8 << 20)
    path = suite.file("input", data)
    for protocol in ("iscsi", "stp"):
        words = (*(("--target", TARGET) if protocol == "iscsi" else ()), "--lun", "0=ram:16M")
        first = Server(suite, *words, tool=f"{protocol}-target")
        url = f"iscsi://{first.address}/{TARGET}/0" if protocol == "iscsi" else f"stp://{first.address}/0"
        initiator = str(BIN / f"{protocol}-initiator")
        writer = subprocess.Popen([initiator, "write", url, "--lba", "0", "--from", "-", "--retry-for", "30"], stdin=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        writer.stdin.write(data[:4 << 20])
        writer.stdin.flush()
        for _ in range(100):  # until the target has some of it
            run(initiator, "read", url, "--lba", 0, "--blocks", PIECE // BLOCK, "--to", suite.path("seen"))
            if open(suite.path("seen"), "rb").read() == data[:PIECE]:
                break
            time.sleep(0.05)
        first.process.kill()
        first.process.wait()
        suite.serve(*words, tool=f"{protocol}-target", port=first.port)
        writer.stdin.write(data[4 << 20:])
        writer.stdin.close()
        expect(writer.wait(60) == 0, protocol, writer.stderr.read())
        run(initiator, "compare", url, "--lba", 0, "--from", path)


@suite.test("a target that dies again and again gets denser flushes, and one that brings nothing on is given up")
def again_and_again():
    data = os.urandom(40 * PIECE)

    def dies(every):
        state = {"n": 0}

        def hook(c, q, cdb):
            state["n"] += cdb[0] in WRITES
            if cdb[0] in WRITES and state["n"] % every == 0:
                disk.power_cut()
                c.cut()
            return False
        disk.on_command = hook

    disk = Disk(blocks=40 * PIECE // BLOCK, keys={"DefaultTime2Wait": "0"})
    dies(17)
    with Target(disk.script) as here:
        run(BIN / "iscsi-initiator", "write", "--lba", 0, "--from", "-", "--retry-for", 30, "--set", "DefaultTime2Wait=0",
            f"iscsi://127.0.0.1:{here.port}/{TARGET}/0", data=data)
    expect(disk.contents() == data and not disk.cache, "what is there")
    dies(1)
    with Target(disk.script) as here:
        out = run(BIN / "iscsi-initiator", "write", "--lba", 0, "--from", "-", "--retry", 3, "--set", "DefaultTime2Wait=0",
                  f"iscsi://127.0.0.1:{here.port}/{TARGET}/0", data=data, ok=(1,))
        expect("gave up after 4 attempts" in out and "no block is certain" in one_line(out), out)


@suite.test("a write that is given up tells up to which block all is certain, a read and a compare too")
def certain():
    size = 200 * PIECE
    path = suite.file("data", os.urandom(size))
    flushed = []

    def hook(c, q, cdb):
        if cdb[0] in FLUSHES:
            flushed.append(1)
        if cdb[0] in WRITES and flushed and disk.count(*WRITES) > 180:
            c.cut()
        if cdb[0] in READS and disk.count(*READS) > 20:
            c.cut()
        return False

    disk = Disk(blocks=size // BLOCK, on_command=hook)
    with Target(disk.script) as here:
        out = one_line(tool(here.port, "write", "--lba", 0, "--from", path, ok=(1,), retry_for=0))
        told = re.search(r"blocks before LBA (\d+) are written and flushed", out)
        expect(told and int(told[1]) * BLOCK >= 100 * PIECE, out)
        sure = int(told[1]) * BLOCK
        expect(bytes(disk.medium[:sure]) == open(path, "rb").read(sure), "what is certain is not there")
        out = one_line(tool(here.port, "read", "--lba", 0, "--blocks", size // BLOCK, "--to", suite.path("out"), ok=(1,), retry_for=0))
        told = re.search(r"blocks before LBA (\d+) are in the file", out)
        expect(told and os.path.getsize(suite.path("out")) >= int(told[1]) * BLOCK > 0, out)


# --- when, where and how long ---

@suite.test("a connection that is lost is opened again when the time has passed that was agreed, or that the target told last")
def peace():
    def after(seconds, how, **keys):
        lost = []

        def hook(c, q, cdb):
            if cdb[0] in READS and not lost:
                if how:
                    how(c, q)
                lost.append(time.monotonic())
                c.cut()
            return False

        disk = Disk(on_command=hook, keys=keys)
        with Target(disk.script) as here:
            tool(here.port, "read", "--lba", 0, "--blocks", 64, "--to", suite.path("out"))
        waited = disk.times[1] - lost[0]
        expect(waited >= seconds - 0.05, how, "came back after", waited, "s, not", seconds)

    after(3, None, DefaultTime2Wait="3")
    after(3, lambda c, q: c.async_message(2, (1, 3, 0)))
    after(3, lambda c, q: c.async_message(3, (0, 3, 0)))

    def logout(c, q):
        c.async_message(1, (0, 0, 10))
        while True:
            asked = c.receive()
            if asked.opcode == OP["logout"]:
                c.logout(asked, 3, 3)
                return

    after(3, logout)


@suite.test("a target that wants more peace than --retry-for allows is not waited for")
def too_much_peace():
    def hook(c, q, cdb):
        if cdb[0] in READS:
            c.async_message(3, (0, 3600, 0))
            c.cut()
        return False

    with Target(Disk(on_command=hook).script) as here:
        out = one_line(tool(here.port, "read", "--lba", 0, "--blocks", 64, "--to", suite.path("out"), ok=(1,)))
        expect("3600 s" in out or "3599 s" in out, out)


@suite.test("a first connection that is refused is tried again, and so is a service that is being restarted")
def later():
    for tool_name, words, url in (("iscsi", ("--target", TARGET), f"/{TARGET}/0"), ("stp", (), "/0")):
        port = free_port()
        address = f"{tool_name if tool_name == 'stp' else 'iscsi'}://127.0.0.1:{port}{url}"
        asks = subprocess.Popen([BIN / f"{tool_name}-initiator", "capacity", address], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(1.5)
        suite.serve(*words, "--lun", "0=ram:1M", tool=f"{tool_name}-target", port=port)
        out = asks.communicate(timeout=60)[0]
        expect(asks.returncode == 0 and b"2048" in out, tool_name, out)
        began = time.monotonic()
        out = run(BIN / f"{tool_name}-initiator", "capacity", "--retry-for", 2, f"{address.split('//')[0]}//127.0.0.1:{free_port()}{url}", ok=(1,))
        expect("Connection refused" in one_line(out) and time.monotonic() - began >= 2, out)
        for never in (("--retry-for", 0), ("--retry", 0)):
            out = run(BIN / f"{tool_name}-initiator", "capacity", *never, f"{address.split('//')[0]}//127.0.0.1:{free_port()}{url}", ok=(1,))
            expect("Connection refused" in one_line(out) and "gave up" not in out, out)


@suite.test("logins that the target cannot take just now are tried again; those that it never will are not")
def temporary():
    for status in (0x0300, 0x0301, 0x0302, 0x0206, None):
        def login(c, number, status=status):
            if number < 4:
                if status is None:
                    c.receive()
                else:
                    c.login(status, b"")
                return True
            c.login()
            return False

        disk = Disk(login=login)
        with Target(disk.script) as here:
            expect("blocks: 4096" in tool(here.port, "capacity"), status)
        expect(len(disk.times) == 5, status, len(disk.times), "logins")
    for status in (0x0201, 0x0202, 0x0203, 0x0204, 0x0207):
        with Target(lambda c, _, status=status: c.login(status, b"")) as here:
            out = one_line(tool(here.port, "capacity", ok=(1,)))
            expect(f"{status:04x}" in out and "gave up" not in out, out)


@suite.test("after a temporary redirection the URL's portal is asked again, after a permanent one the new address")
def redirected():
    def moved(status):
        state = {"dead": False}

        def dies(c, q, cdb):
            if cdb[0] in READS and not state["dead"]:
                state["dead"] = True
                c.cut()
            return False

        second, asked = Disk(on_command=dies, keys={"DefaultTime2Wait": "0"}), []
        with Target(second.script) as there:
            def portal(c, number):
                asked.append(number)
                c.login(status, {"TargetAddress": f"127.0.0.1:{there.port},1"})
            with Target(portal) as here:
                run(BIN / "iscsi-initiator", "read", "--lba", 0, "--blocks", 8, "--to", suite.path("out"), "--set", "DefaultTime2Wait=0",
                    f"iscsi://127.0.0.1:{here.port}/{TARGET}/0")
        return len(asked), len(second.times)

    expect(moved(0x0101) == (2, 2), "temporary")
    expect(moved(0x0102) == (1, 2), "permanent")


@suite.test("a redirection that leads nowhere is told with the address that did not answer")
def nowhere():
    gone = free_port()
    asked = []

    def portal(c, _):
        asked.append(1)
        c.login(0x0101, {"TargetAddress": f"127.0.0.1:{gone},1"})

    with Target(portal) as here:
        out = one_line(tool(here.port, "capacity", ok=(1,), retry_for=0))
        expect(f"127.0.0.1:{gone}: Connection refused" in out and len(asked) == 1, len(asked), out)


# --- every command ---

@suite.test("every command goes on over a connection that is lost under it")
def commands():
    def lost_at(what, *words, path=f"/{TARGET}/0"):
        cut = []

        class Cuts(Disk):
            def script(self, c, number):
                real = c.receive

                def receive():
                    q = real()
                    if what(q) and not cut:
                        cut.append(1)
                        c.cut()
                    return q
                c.receive = receive
                super().script(c, number)

        disk = Cuts(keys={"DefaultTime2Wait": "0"} if path else {})
        with Target(disk.script) as here:
            keys = () if path == "" else ("--set", "DefaultTime2Wait=0")
            out = tool(here.port, *words, *keys, path=path)
        expect(cut and len(disk.times) == 2, words, len(disk.times), "logins")
        return out

    def command(*codes):
        return lambda q: q.opcode == OP["command"] and q.bhs[32] in codes

    def opcode(name):
        return lambda q: q.opcode == OP[name]

    expect(lost_at(opcode("nop_out"), "ping", "--count", 3).count("time=") == 3, "ping")
    out = lost_at(opcode("text"), "discover", path="")
    expect(out.count("iqn.2026-11.org.example:found") == 1, out)
    lost_at(opcode("task"), "reset", "--lun")
    lost_at(opcode("task"), "reset", "--target-warm")
    expect("MOCK DISK" in lost_at(command(0x12), "inquiry"), "inquiry")
    expect("blocks: 4096" in lost_at(command(*SIZES), "capacity"), "capacity")
    expect("2097152" in lost_at(command(0xa0), "luns"), "luns")
    lost_at(command(*READS), "read", "--lba", 0, "--blocks", 8, "--to", suite.path("out"))
    lost_at(command(*READS), "compare", "--lba", 0, "--from", suite.file("zeroes", bytes(4096)))
    lost_at(command(*WRITES), "write", "--lba", 0, "--from", suite.path("zeroes"))
    lost_at(command(*FLUSHES), "write", "--lba", 0, "--from", suite.path("zeroes"))
    expect('"ios":' in lost_at(command(*READS), "bench", "--op", "read", "--seconds", 1), "bench")


@suite.test("a target that asks for a logout in the middle of a write gets it, and the rest of the data")
def asked_to_leave():
    asked = []

    def hook(c, q, cdb):
        if cdb[0] in WRITES and disk.count(*WRITES) == 3 and not asked:
            asked.append(1)
            c.async_message(1, (0, 0, 5))
        return False

    disk = Disk(on_command=hook)
    data = os.urandom(6 * PIECE)
    with Target(disk.script) as here:
        tool(here.port, "write", "--lba", 0, "--from", "-", data=data)
    expect(disk.contents()[:len(data)] == data and len(disk.times) == 2, len(disk.times), "logins")


@suite.test("a target is answered while stdin gives nothing and stdout takes nothing")
def served():
    def pinged(words, **pipes):
        answers = []

        def pinger(c, q):
            nobody = Pdu(q.bhs[:16] + b"\xff" * 4 + q.bhs[20:], b"")
            for n in range(1, 100):
                time.sleep(0.1)
                with contextlib.suppress(OSError), lock:
                    c.answer(0x20, nobody, ttt=n)
                    c.statsn -= 1
                if len(answers) >= 5:
                    return

        class Pings(Disk):
            def script(self, c, number):
                real = c.receive

                def receive():
                    q = real()
                    answers.extend([1] * (q.opcode == OP["nop_out"] and q.itt == NO_TAG))
                    return q
                c.receive = receive
                super().script(c, number)

            def command(self, c, q):
                with lock:
                    super().command(c, q)
                if q.bhs[32] in SIZES:
                    threading.Thread(target=pinger, args=(c, q), daemon=True).start()

        lock = threading.Lock()
        disk = Pings(blocks=32 << 11)
        with Target(disk.script) as here:
            process = subprocess.Popen([BIN / "iscsi-initiator", *map(str, words), f"iscsi://127.0.0.1:{here.port}/{TARGET}/0"],
                                       stderr=subprocess.PIPE, **pipes)
            for _ in range(100):
                if len(answers) >= 5:
                    break
                time.sleep(0.1)
            expect(len(answers) >= 5, words[0], "answered", len(answers), "pings")
            if process.stdin:
                process.stdin.write(b"x" * 512)
                process.stdin.close()
            if process.stdout:
                expect(len(process.stdout.read()) == 16 << 20, "the rest")
            expect(process.wait(30) == 0, process.stderr.read())

    pinged(("write", "--lba", 0, "--from", "-"), stdin=subprocess.PIPE)
    pinged(("read", "--lba", 0, "--blocks", 32 << 10, "--to", "-"), stdout=subprocess.PIPE)


# --- the frame protocol ---

@suite.test("over the frame protocol a cache that was lost is written again, and one who closes before a word is as good as away")
def frames():
    disk = stp_peer.Disk(8192)
    data = os.urandom(5 * PIECE)
    state = {"writes": 0, "closed": 0}

    def behave(f, stream):
        if state["closed"] < 5:  # more than --retry
            state["closed"] += 1
            stream.sock.shutdown(socket.SHUT_RDWR)
            return True
        if f.obuf[0] in WRITES:
            state["writes"] += 1
            if state["writes"] == 4:
                disk.data[:] = bytes(len(disk.data))
                disk.attention = True
        return False

    target = stp_peer.Target(disk, behave=behave)
    suite.open.callback(target.close)
    run(BIN / "stp-initiator", "write", f"stp://{target.address}/0", "--lba", 3, "--from", "-", "--retry-for", 30, data=data)
    expect(bytes(disk.data[3 * BLOCK:3 * BLOCK + len(data)]) == data, "what is there")
    expect(not target.problems, target.problems)


suite.run()
