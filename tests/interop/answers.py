#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What our initiators make of what a target answers: which status and sense data are success, which are waited for and which are the
end; and that success is only what was counted: all of the input, all of the range, of the unit that it was, in the file that was named."""
import os
import struct
import subprocess
import time

import stp_peer
from harness import BIN, TARGET, Suite, expect, run
from hostile_target_kit import Target
from mock_target import (BLOCK, BUSY, FLUSHES, GOOD, READS, SIZES, TASK_ABORTED, TASK_SET_FULL, UNKNOWN, WRITES, Disk, sense)
from peer import DATA_IN, RESPONSE

suite = Suite()
DATA = bytes(range(256)) * 32  # 16 blocks


def tool(port, *words, ok=(0,), data=None, timeout=5):
    return run(BIN / "iscsi-initiator", *words, "--timeout", timeout, "--retry-for", 10, f"iscsi://127.0.0.1:{port}/{TARGET}/0", ok=ok, data=data,
               timeout=60)


def with_disk(on_command, *words, ok=(0,), data=None, timeout=5, **how):
    disk = Disk(on_command=on_command, **how)
    with Target(disk.script) as here:
        out = tool(here.port, *words, ok=ok, data=data, timeout=timeout)
    expect(ok == (0,) or (out.count("\n") == 1 and out[:-1].isprintable()), repr(out))
    return disk, out


READ = ("read", "--lba", 0, "--blocks", 16, "--to", suite.path("out"))
WRITE = ("write", "--lba", 0, "--from", suite.file("in", DATA))


def answered(answer, kinds, times=1, seconds=0):
    """The first commands of a kind get this answer: some times, or for some seconds."""
    state = {"n": 0, "began": None}

    def hook(c, q, cdb):
        if cdb[0] not in kinds:
            return False
        state["n"] += 1
        state["began"] = state["began"] or time.monotonic()
        if (time.monotonic() - state["began"] > seconds) if seconds else (state["n"] > times):
            return False
        answer(c, q)
        return True
    return hook


def status(value):
    return lambda c, q: c.answer(RESPONSE, q, status=value)


def check(*what, **how):
    return lambda c, q: c.check(q, sense(*what, **how))


# --- status and sense ---

@suite.test("a command that was recovered, or ended with nothing to tell, succeeded if its data is all there")
def recovered():
    for key in (0, 1):
        for deferred in (False, True):
            with_disk(answered(lambda c, q, d=deferred: c.check(q, sense(key, 0x17, 1, deferred=d), data=b"" if d else bytes(q.words[0])), READS), *READ)
        disk, _ = with_disk(answered(check(key, 0x17, 1), FLUSHES), *WRITE)
        expect(disk.count(*FLUSHES) == 1, "it was done")
        out = with_disk(answered(lambda c, q: c.check(q, sense(key, 0x17, 1), data=bytes(512)), READS), *READ, ok=(1,))[1]
        expect("512 bytes came back, 8192 were asked for" in out, out)

        def done(c, q, key=key, residual=None):
            c.check(q, sense(key, 0x17, 1), residual=residual)

        with_disk(answered(done, WRITES), *WRITE)
        with_disk(answered(lambda c, q: done(c, q, residual=len(DATA)), WRITES), *WRITE, keys={"FirstBurstLength": "8192"})
        out = with_disk(answered(done, WRITES), *WRITE, ok=(1,), keys={"ImmediateData": "No"})[1]
        expect("did not take" in out, out)


@suite.test("a target that is busy, or that becomes ready, is waited for: up to --timeout, with any command")
def later():
    answers = [status(BUSY), status(TASK_SET_FULL), *(check(2, 4, q) for q in (0x00, 0x01, 0x04, 0x07, 0x09, 0x0a, 0x14, 0x1b))]
    commands = ((READS, READ), (WRITES, WRITE), (FLUSHES, WRITE), (SIZES, ("capacity",)), ((0x12,), ("inquiry",)), ((0xa0,), ("luns",)),
                (READS, ("bench", "--op", "read", "--seconds", 2)))
    for n, answer in enumerate(answers):
        for kinds, words in commands if n == 0 else commands[n % 3:n % 3 + 1]:
            with_disk(answered(answer, kinds, seconds=0.5), *words)
    began = time.monotonic()
    out = with_disk(answered(status(BUSY), READS, times=10 ** 6), *READ, ok=(1,), timeout=2)[1]
    expect("BUSY" in out and time.monotonic() - began >= 2, out)
    disk, _ = with_disk(answered(status(BUSY), READS, seconds=2), *READ)
    expect(disk.count(*READS) < 40, "sent", disk.count(*READS), "times in 2 s: the pauses do not grow")


@suite.test("what was aborted by somebody else, or by the target, is tried again, and not without end")
def aborted():
    for answer in (status(TASK_ABORTED), check(0x0b, 0x47, 5), check(0x0b, 0x44), check(6, 0x2f), check(6, 0x3f, 0x0e)):
        for kinds, words in ((READS, READ), (WRITES, WRITE), (FLUSHES, WRITE), (SIZES, ("capacity",))):
            with_disk(answered(answer, kinds, times=2), *words)
        out = with_disk(answered(answer, READS, times=10 ** 6), *READ, ok=(1,))[1]
        expect("READ: " in out, out)


@suite.test("what a person has to mend is the end at once")
def failed():
    for answer in (status(0x18), check(3, 0x11), check(4, 0x44), check(5, 0x21), check(7, 0x27), check(2, 0x3a), check(2, 4, 2), check(2, 4, 3),
                   check(2, 4, 0x0b)):
        for kinds, words in ((READS, READ), (WRITES, WRITE), (FLUSHES, WRITE)):
            disk, _ = with_disk(answered(answer, kinds, times=10 ** 6), *words, ok=(1,))
            expect(disk.count(*kinds) == 1, "sent", disk.count(*kinds), "times")


@suite.test("an error of an earlier write ends a write, and is no matter of a read")
def deferred():
    for key in (3, 4):
        out = with_disk(answered(check(key, 0x0c, deferred=True), WRITES), *WRITE, ok=(1,))[1]
        expect("WRITE: " in out, out)
        out = with_disk(answered(check(key, 0x0c, deferred=True), FLUSHES), *WRITE, ok=(1,))[1]
        expect("SYNCHRONIZE CACHE: " in out, out)
        with_disk(answered(check(key, 0x0c, deferred=True), READS), *READ)


@suite.test("a unit is served by what it has: READ CAPACITY(10), no SYNCHRONIZE CACHE or only its long form, no names")
def few_commands():
    def knows_not(*codes):
        return answered(lambda c, q: c.check(q, UNKNOWN), codes, times=10 ** 6)

    for words in (("capacity",), ("luns",), READ, WRITE, ("compare", "--lba", 0, "--from", suite.file("zero", bytes(8192))),
                  ("bench", "--op", "mixed", "--seconds", 0.2)):
        _, out = with_disk(knows_not(0x9e), *words)
        expect(words[0] not in ("capacity", "luns") or "4096" in out or "2097152" in out, out)
    for codes in ((0x35,), (0x35, 0x91), (0x35, 0x91, 0x9e, 0x12)):
        disk, _ = with_disk(knows_not(*codes), *WRITE)
        expect(disk.contents()[:len(DATA)] == DATA, codes)
        expect(0x91 in codes or (disk.count(0x91) == 1 and not disk.cache), codes)
    whole = answered(lambda c, q: c.data_in(q, struct.pack(">II", 0xffffffff, 512)), (0x25,), times=10 ** 6)
    out = with_disk(lambda c, q, cdb: knows_not(0x9e)(c, q, cdb) or whole(c, q, cdb), "capacity", ok=(1,))[1]
    expect("READ CAPACITY(10)" in out, out)


@suite.test("no request is larger than the unit says that it takes")
def largest():
    def limited(c, q, cdb):
        if cdb[0] == 0x12 and cdb[1] & 1 and cdb[2] == 0xb0:
            c.data_in(q, struct.pack(">BBHII", 0, 0xb0, 60, 0, 24).ljust(64, b"\0"))
        elif cdb[0] in READS + WRITES and q.words[0] > 24 * BLOCK:
            c.check(q, sense(5, 0x24))
        else:
            return False
        return True

    data = os.urandom(100 * BLOCK)
    path = suite.file("hundred", data)
    disk = Disk(on_command=limited)
    with Target(disk.script) as here:
        tool(here.port, "write", "--lba", 5, "--from", path)
        tool(here.port, "compare", "--lba", 5, "--from", path)
        tool(here.port, "read", "--lba", 5, "--blocks", 100, "--to", suite.path("back"))
    expect(open(suite.path("back"), "rb").read() == data and disk.count(*WRITES) == 5, disk.count(*WRITES), "writes")


@suite.test("over the frame protocol the same table holds")
def frames():
    def stp(*words, ok=(0,), **how):
        state = {"left": how.get("times", 3)}

        def behave(f, stream):
            if f.obuf[0] not in how["kinds"] or not state["left"]:
                return False
            state["left"] -= 1
            moved = how.get("moved", False) and f.length
            data = bytes(f.length) if moved else b""
            if data:
                stream.send(stp_peer.Frame(b"XFER", f.oid, lun=f.lun, flags=f.flags, rid=5, obuf=f.obuf, length=len(data), data=data))
            told = how.get("sense")
            stream.send(stp_peer.Frame(b"CMPT", f.oid, lun=f.lun, flags=f.flags | (4 if told else 0), rid=5, obuf=f.obuf, length=len(data),
                                       rbuf=told[:16] if told else bytes(16), status=2 if told else how["status"]))
            return True

        target = stp_peer.Target(stp_peer.Disk(4096), behave=behave)
        suite.open.callback(target.close)
        return run(BIN / "stp-initiator", *words, "--timeout", 5, f"stp://{target.address}/0", ok=ok)

    for kinds, words in ((READS, READ), (WRITES, WRITE), (FLUSHES, WRITE), (SIZES, ("capacity",))):
        stp(*words, kinds=kinds, status=BUSY)
        stp(*words, kinds=kinds, status=TASK_ABORTED)
        stp(*words, kinds=kinds, sense=sense(2, 4, 1))
        stp(*words, kinds=kinds, sense=sense(0xb, 0x47, 5))
        stp(*words, kinds=kinds, sense=sense(6, 0x29))
    stp(*READ, kinds=READS, sense=sense(1, 0x17, 1), moved=True)
    stp(*WRITE, kinds=FLUSHES, sense=UNKNOWN)
    stp("capacity", kinds=(0x9e,), sense=UNKNOWN)
    stp(*READ, kinds=READS, sense=sense(3, 0x11), ok=(1,))


# --- all of the input, all of the range ---

@suite.test("input that is longer than the unit is a failure, whatever it comes from, and all that fits is there")
def too_long():
    disk = Disk(blocks=64)
    long = os.urandom(64 * BLOCK + 1)
    path = suite.file("long", long)
    with Target(disk.script) as here:
        for words in (("write", "--lba", 0), ("write", "--lba", 60), ("compare", "--lba", 0)):
            lba = words[2]
            out = tool(here.port, *words, "--from", "-", data=long[lba * BLOCK:] + b"x" * lba * BLOCK, ok=(1,))
            expect("stdin has more than the" in out, out)
            expect(disk.contents()[lba * BLOCK:] == long[lba * BLOCK:-1], words)
        for words in (("write", "--lba", 0), ("compare", "--lba", 0), ("write", "--lba", 1, "--blocks", 64), ("compare", "--lba", 64)):
            out = tool(here.port, *words, "--from", path, ok=(1,))
            expect("beyond the end" in out, out)
        tool(here.port, "write", "--lba", 0, "--from", "-", data=long[:-1])
        tool(here.port, "compare", "--lba", 0, "--from", "-", data=long[:-1])
        tool(here.port, "compare", "--lba", 0, "--blocks", 64, "--from", path)
    target = stp_peer.Target(stp_peer.Disk(64))
    suite.open.callback(target.close)
    for what in ("write", "compare"):
        out = run(BIN / "stp-initiator", what, "--lba", 0, "--from", "-", f"stp://{target.address}/0", data=long, ok=(1,))
        expect("stdin has more than the 64 blocks" in out, out)


@suite.test("input that ends early, or is none, is no success of a compare, nor of a write that was told how much")
def too_short():
    disk = Disk(blocks=64)
    with Target(disk.script) as here:
        for what in ("write", "compare"):
            for source, data in ((suite.file("few", bytes(1000)), None), ("-", bytes(1000))):
                out = tool(here.port, what, "--lba", 0, "--blocks", 5, "--from", source, data=data, ok=(1,))
                expect("ended after 2 of 5 blocks" in out, out)
                tool(here.port, what, "--lba", 0, "--blocks", 2, "--from", source, data=data)
        for source, data in ((suite.file("none", b""), None), ("-", b"")):
            out = tool(here.port, "compare", "--lba", 0, "--from", source, data=data, ok=(1,))
            expect("empty" in out, out)
        out = tool(here.port, "write", "--lba", 0, "--from", suite.folder, ok=(1,))
        expect("directory" in out, out)
        # stdin that a shell has read the beginning of
        with open(suite.file("part", b"x" * 700 + b"y" * 300), "rb") as part:
            os.lseek(part.fileno(), 700, os.SEEK_SET)
            done = subprocess.run([BIN / "iscsi-initiator", "write", "--lba", "9", "--from", "-", f"iscsi://127.0.0.1:{here.port}/{TARGET}/0"],
                                  stdin=part, check=False)
        expect(done.returncode == 0 and disk.contents()[9 * BLOCK:11 * BLOCK] == (b"y" * 300).ljust(1024, b"\0"), "the rest of stdin")


@suite.test("more than was asked for, or wanted than was offered, and data that was never taken are failures")
def other_lengths():
    def over(c, q):
        c.answer(DATA_IN, q, bytes(q.words[0]), flags=0x85, rest=struct.pack(">III", 0, 0, 7 * 512))

    def wants_more(c, q):
        c.answer(RESPONSE, q, flags=0x84, rest=struct.pack(">III", 0, 0, 512))

    out = with_disk(answered(over, READS, times=99), *READ, ok=(1,))[1]
    expect("3584 bytes more" in out, out)
    out = with_disk(answered(over, READS, times=99), "bench", "--op", "read", "--seconds", 1, ok=(1,))[1]
    expect("3584 bytes more" in out, out)
    out = with_disk(answered(wants_more, WRITES, times=99), *WRITE, ok=(1,))[1]
    expect("512 bytes more" in out, out)
    for words in (WRITE, ("bench", "--op", "write", "--seconds", 1)):
        disk, out = with_disk(answered(status(GOOD), WRITES, times=99), *words, ok=(1,), keys={"ImmediateData": "No"})
        expect("did not take" in out or "only 0 of" in out, out)


# --- the unit that it was ---

@suite.test("a unit that is another one, smaller or of other blocks after a unit attention or a new connection is found out")
def other_unit():
    def smaller(disk):
        disk.blocks = 8

    def renamed(disk):
        disk.serial = b"SERIAL 2"

    def bigger(disk):
        disk.blocks *= 2

    def changes(how, told, kinds):
        def hook(c, q, cdb):
            if cdb[0] not in kinds or hook.done:
                return False
            hook.done = True
            how(c.disk)
            if told is None:
                c.cut()
            c.check(q, told)
            return True
        hook.done = False
        return hook

    class Known(Disk):
        def script(self, c, number):
            c.disk = self
            super().script(c, number)

    for told in (sense(6, 0x29), sense(6, 0x2a, 9), sense(6, 0x3f, 3), sense(6, 0x3f, 0x0e), None):
        for how, words, good in ((smaller, "the unit has 8 blocks now", False), (renamed, "another one now", False), (bigger, "", True)):
            for kinds, command in ((READS, READ), (WRITES, WRITE)):
                disk = Known(on_command=changes(how, told, kinds))
                with Target(disk.script) as here:
                    out = tool(here.port, *command, ok=(0,) if good else (1,))
                expect(words in out, told, out)
    disk = Known(on_command=changes(renamed, None, WRITES))
    with Target(disk.script) as here:
        out = tool(here.port, "bench", "--op", "write", "--seconds", 5, ok=(1,))
    expect("another one now" in out, out)


# --- the file that was named ---

@suite.test("read touches FILE when the first block is in hand and not before, and replaces all of it")
def untouched():
    precious = b"precious\n" * 5000
    path = suite.file("precious", precious)

    def kept(on_command, *words, **how):
        with_disk(on_command, "read", "--to", path, *words, ok=(1,), **how)
        expect(open(path, "rb").read() == precious, words, "cost the file")

    kept(None, "--lba", 5000, "--blocks", 1)
    kept(None, "--lba", 0, "--blocks", 4097)
    kept(answered(check(3, 0x11), READS), "--lba", 0, "--blocks", 8)
    kept(lambda c, q, cdb: c.cut(), "--lba", 0, "--blocks", 8)
    for refused in (("--retry-for", 0, "iscsi://127.0.0.1:1"), ("--retry-for", 0, "iscsi://127.0.0.1:1/" + TARGET)):
        run(BIN / "iscsi-initiator", "read", "--to", path, "--lba", 0, "--blocks", 1, *refused, ok=(1, 2))
        expect(open(path, "rb").read() == precious, refused)
    with_disk(None, "read", "--to", path, "--lba", 0, "--blocks", 8)
    expect(open(path, "rb").read() == bytes(4096), "the file is what was read")
    with_disk(None, "read", "--to", suite.path("no/such/folder"), "--lba", 0, "--blocks", 8, ok=(1,))
    with_disk(None, "read", "--to", "/dev/full", "--lba", 0, "--blocks", 8, ok=(1,))
    with_disk(None, "read", "--to", "/dev/null", "--lba", 0, "--blocks", 8)


@suite.test("a list of units that does not come whole is a failure, and a long one comes whole")
def unit_list():
    def lists(count, claimed=None):
        def hook(c, q, cdb):
            if cdb[0] != 0xa0:
                return False
            data = b"".join(struct.pack(">HHI", n if n < 256 else 0x4000 | n, 0, 0) for n in range(count))
            c.data_in(q, struct.pack(">II", len(data) if claimed is None else claimed, 0) + data)
            return True
        return hook

    _, out = with_disk(lists(3), "luns")
    expect([line.split()[0] for line in out.splitlines()] == ["0", "1", "2"], out)
    for claimed in (32, 0xfffffff8, 0xffffffff):
        out = with_disk(lists(3, claimed), "luns", ok=(1,))[1]
        expect("REPORT LUNS" in out, out)


suite.run()
