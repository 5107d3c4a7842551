#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our stp-initiator against a target in Python, written from docs/frame-protocol.md alone."""
import re
import socket
import threading

from harness import BIN, Suite, expect, run, same_bytes
from stp_peer import BUSY, FINAL, READ, WRITE, Disk, Frame, Target

suite = Suite()
SIZE = 3 << 20


def stp(target, command, *words, **options):
    return run(BIN / "stp-initiator", command, f"stp://{target.address}/0", *words, **options)


def serve(**words):
    target = Target(Disk(65536), **words)
    suite.open.callback(target.close)
    return target


def no_problems(target):
    expect(not target.problems, target.problems)


@suite.test("inquiry, capacity and luns of a foreign target")
def asks():
    target = serve()
    expect("PYTHON" in stp(target, "inquiry"), "vendor")
    expect("blocks: 65536" in stp(target, "capacity"), "blocks")
    expect("FRAME PEER" in stp(target, "luns"), "product")
    no_problems(target)


@suite.test("writes, reads and compares, in one burst and in many")
def moves():
    for burst in (1 << 20, 65536, 4096, 1000):
        target = serve(burst=burst)
        data, back = suite.random_file("data", SIZE), suite.path("back")
        stp(target, "write", "--lba", 100, "--from", data)
        expect(bytes(target.disk.data[51200:51200 + SIZE]) == open(data, "rb").read(), "what the target has, burst", burst)
        stp(target, "read", "--lba", 100, "--blocks", SIZE // 512, "--to", back)
        same_bytes(data, back)
        stp(target, "compare", "--lba", 100, "--from", data)
        no_problems(target)
        target.disk.data[51200 + 777777] ^= 1
        out = stp(target, "compare", "--lba", 100, "--from", data, ok=(1,))
        expect("777777" in out, "the difference is told:", out)


@suite.test("with a standing grant the first bytes of every write follow its command, and the rest is asked for")
def standing():
    target = serve(burst=65536, standing=4096)
    data, back = suite.random_file("data", SIZE), suite.path("back")
    grant = ("--standing-grant", "4K")
    stp(target, "write", "--lba", 100, "--from", data, *grant)
    expect(bytes(target.disk.data[51200:51200 + SIZE]) == open(data, "rb").read(), "what the target has")
    stp(target, "read", "--lba", 100, "--blocks", SIZE // 512, "--to", back, *grant)
    same_bytes(data, back)
    for size in ("512", "4K", "32K"):
        stp(target, "bench", "--op", "mixed", "--size", size, "--depth", 32, "--seconds", 0.5, *grant)
    no_problems(target)
    target.disk.broken_block = 5
    stp(target, "write", "--lba", 0, "--from", suite.random_file("few", 8192), *grant, ok=(1,))
    no_problems(target)
    limited = serve(standing=4096, limit=1)
    stp(limited, "write", "--lba", 0, "--from", data, *grant)
    expect(bytes(limited.disk.data[:SIZE]) == open(data, "rb").read(), "what the target has that refuses")
    no_problems(limited)


@suite.test("a load at depth 32 leaves no rule broken")
def load():
    target = serve(burst=16384)
    for op in ("read", "write", "mixed"):
        out = stp(target, "bench", "--op", op, "--size", "32K", "--depth", 32, "--seconds", 1, "--pattern", "random")
        expect(re.search(r'"iops":\s*[1-9]', out), out)
    no_problems(target)
    starts = sum(event == b"NEWC" for event, _, _ in target.seen)
    expect(starts > 100, "exchanges:", starts)


@suite.test("exchanges mix burst by burst, end in any order, and with a status in the last XFER or behind it")
def mixed():
    held, lock, most = [], threading.Lock(), [0]

    def answer_all(stream):
        with lock:
            batch = [(f, target.disk.execute(f.lun, f.obuf, None)[2]) for f in reversed(held)]
            held.clear()
        most[0] = max(most[0], len(batch))
        for at in range(0, max(len(data) for _, data in batch), 5000):
            for f, data in batch:
                part, last, rid = data[at:at + 5000], at + 5000 >= len(data), f.oid ^ 0x5a5a5a5a
                if part:
                    final = FINAL if last and f.oid & 1 else 0
                    stream.send(Frame(b"XFER", f.oid, flags=READ | final, rid=rid, obuf=f.obuf, length=len(part), data=part))
                    if last and not final:
                        stream.send(Frame(b"CMPT", f.oid, flags=READ, rid=rid, obuf=f.obuf, length=len(data)))

    def behave(f, stream):
        if f.obuf[0] not in (0x28, 0x88, 0xa8):
            return False
        with lock:
            held.append(f)
            if len(held) == 1:
                threading.Timer(0.05, answer_all, [stream]).start()
        return True

    target = serve(behave=behave)
    target.disk.data[:SIZE] = open(suite.random_file("data", SIZE), "rb").read()
    back = suite.path("back")
    stp(target, "read", "--lba", 0, "--blocks", SIZE // 512, "--to", back)
    same_bytes(suite.path("data"), back)
    expect(most[0] > 1, "exchanges at once:", most[0])
    no_problems(target)


@suite.test("a medium error is told with its sense")
def medium_error():
    target = serve()
    target.disk.broken_block = 5
    text = stp(target, "read", "--lba", 0, "--blocks", 8, "--to", suite.path("none"), ok=(1,))
    expect(re.search("medium error|unrecovered", text, re.I), text)
    no_problems(target)


@suite.test("a command that the target has no room for is sent again")
def refused():
    target = serve(limit=1)
    data = suite.random_file("data", SIZE)
    stp(target, "write", "--lba", 0, "--from", data)
    expect(bytes(target.disk.data[:SIZE]) == open(data, "rb").read(), "what the target has")
    out = stp(target, "bench", "--op", "write", "--size", "4K", "--depth", 16, "--seconds", 1)
    expect(int(re.search(r'"ios":\s*(\d+)', out)[1]) > 50, out)
    no_problems(target)


@suite.test("a connection that is lost is opened anew and what had no answer is repeated")
def lost():
    state = {"left": 5}

    def behave(frame, stream):
        if frame.flags & (READ | WRITE) and state["left"]:
            state["left"] -= 1
            if state["left"] == 0:
                stream.sock.shutdown(socket.SHUT_RDWR)
                return True
        return False

    target = serve(behave=behave)
    data = suite.random_file("data", SIZE)
    stp(target, "write", "--lba", 0, "--from", data)
    expect(bytes(target.disk.data[:SIZE]) == open(data, "rb").read(), "what the target has")
    expect(target.connections == 2, target.connections, "connections")
    state["left"] = 50
    out = stp(target, "bench", "--op", "mixed", "--size", "4K", "--depth", 8, "--seconds", 1)
    expect(int(re.search(r'"ios":\s*(\d+)', out)[1]) > 50, out)
    expect(target.connections == 4, target.connections, "connections")


def breaks(name, words, **wrong):
    """The target answers the first READ (10, 12 or 16) with one broken XFER; the tool has to say so and not hang."""
    def test():
        def behave(f, stream):
            if f.obuf[0] not in (0x28, 0x88, 0xa8):
                return False
            change = {k: (v(f) if callable(v) else v) for k, v in wrong.items()}
            flags = change.pop("flags", READ | FINAL)
            length = change.pop("xfer", f.length)
            answer = Frame(b"XFER", change.pop("oid", f.oid), lun=f.lun, flags=flags, rid=77, obuf=f.obuf, length=length,
                           data=bytes(min(length, f.length)))
            stream.send(answer, **change)
            return True

        target = serve(behave=behave)
        text = stp(target, "read", "--lba", 0, "--blocks", 8, "--to", suite.path("none"), "--retry", 0, ok=(1,), timeout=30)
        expect(words in text, "expected:", words, "got:", text)
    suite.test(f"a target that sends {name} is found out, and the tool says so")(test)


breaks("a wrong sync", "opening frame sync", sync=1)
breaks("a wrong closing sync", "closing frame sync", sync2=1)
breaks("a gap in the sequence", "sequence number", seq=1000)
breaks("an unknown type", "type is not CMDS", type=b"CMDX")
breaks("an unknown event", "no such event", event=b"XFEX")
breaks("an event of the initiator's", "this side sends", event=b"NEWC")
breaks("reserved flags", "reserved", flags=READ | FINAL | 0x80)
breaks("more than was asked for", "more than NEWC announced", xfer=1 << 30)
breaks("an unknown exchange", "originator exchange ID", oid=lambda f: f.oid ^ 0x10000)
breaks("another command's CDB", "originator buffer", obuf=bytes(16))


@suite.test("a write that succeeds without its data is not taken for one that was done")
def untaken():
    def behave(f, stream):
        if f.flags & WRITE:
            stream.send(Frame(b"CMPT", f.oid, lun=f.lun, flags=WRITE, rid=5, obuf=f.obuf))
        return bool(f.flags & WRITE)

    target = serve(behave=behave)
    text = stp(target, "write", "--lba", 8, "--from", suite.random_file("data", 4096), ok=(1,))
    expect("WRITE at LBA 8: the target did not take 4096 of 4096 bytes" in text, text)


@suite.test("bench counts nothing that succeeds without its data")
def unmoved():
    for op in ("read", "write"):
        def behave(f, stream):
            if f.obuf[0] in (0x28, 0x2a, 0x88, 0x8a):
                stream.send(Frame(b"CMPT", f.oid, lun=f.lun, flags=f.flags, rid=5, obuf=f.obuf))
                return True
            return False

        target = serve(behave=behave)
        text = stp(target, "bench", "--op", op, "--size", "4K", "--depth", 2, "--seconds", 1, ok=(1,))
        expect("bench: success, but only 0 of 4096 bytes moved" in text, text)


@suite.test("a success without a responder exchange ID is found out")
def no_exchange():
    def behave(f, stream):
        if f.flags & WRITE:
            stream.send(Frame(b"CMPT", f.oid, lun=f.lun, flags=WRITE, obuf=f.obuf))
        return bool(f.flags & WRITE)

    target = serve(behave=behave)
    text = stp(target, "write", "--lba", 8, "--from", suite.random_file("data", 4096), "--retry", 0, ok=(1,))
    expect("responder exchange ID" in text, text)


@suite.test("a target that does not answer is given up after the time limit")
def silent():
    target = serve(behave=lambda f, stream: True)
    text = stp(target, "capacity", "--timeout", 1, "--retry", 0, ok=(1,), timeout=20)
    expect("took too long" in text, text)


@suite.test("BUSY for a while is waited out")
def busy():
    state = {"left": 3}

    def behave(f, stream):
        if not state["left"]:
            return False
        state["left"] -= 1
        stream.send(Frame(b"CMPT", f.oid, lun=f.lun, flags=f.flags, obuf=f.obuf, status=BUSY))
        return True

    target = serve(behave=behave)
    expect("blocks: 65536" in stp(target, "capacity"), "capacity")


suite.run()
