#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The files below the target tools: media that hang, fail, fail once, or do a part; who may serve a file; what must be kept beside it."""
import os
import signal
import struct
import subprocess
import time

from harness import TARGET, Skipped, Suite, expect, need
from medium import (ALLOCATE, CHECK, CLOSE, DATA_PROTECT, GOOD, MEDIUM_ERROR, OPEN, READ, RENAME, SEEK, SYNC, UNLINK, UNMAP, WRITE,
                    Initiator, Medium, Mounted, Tool, block, blocks, keys, lba_status, read, records, reserve_out, synchronize,
                    unmap_list, write, write_same)

suite = Suite()
SECOND = "iqn.2026-11.org.libiscsiproto:second"


def image(name="image", size=4 << 20):
    return suite.file(f"{name}-{time.monotonic_ns()}", bytes(size))


def said(server, words, seconds=20):
    until = time.monotonic() + seconds
    while words not in server.text():
        expect(time.monotonic() < until, f"'{words}' was not said:", server.text())
        time.sleep(0.05)


def working(initiator, lun=0, seconds=20):
    """A write, a flush and a read that are answered."""
    for cdb, data, size in ((write(7, 8), blocks(7, 8, 3), 0), (synchronize(), b"", 0), (read(7, 8), b"", 4096)):
        got = initiator.run(cdb, size, data, lun, seconds)
        expect(got[0] == GOOD, cdb.hex(), "->", got[0], got[2])
    expect(got[1] == blocks(7, 8, 3), "other bytes")


# --- a medium that hangs ---

def hang_one(options, others, tool="iscsi-target"):
    """Unit 0 hangs in every call; many commands are given to it, and the others go on."""
    medium = Medium(suite)
    bad, good = image("bad"), image("good")
    server = Tool(suite, "--lun", f"0=file:{bad}", "--lun", f"1=file:{good}", *options(good), medium=medium)
    stuck = [Initiator(server, luns=(0, 1)) for _ in range(2)]
    well = others(server)
    with medium.ruled(READ | WRITE | SYNC | ALLOCATE | SEEK, delay_ms=60000, name="bad"):
        for n in range(40):
            stuck[n % 2].submit(write(n * 8, 8, n % 3 == 0), data=blocks(n * 8, 8, 1))
        for cdb, data in ((synchronize(), b""), (UNMAP, unmap_list(4096, 8)), (write_same(5000, 64), bytes(512))):
            stuck[0].submit(cdb, data=data)
        for initiator, lun in well:
            working(initiator, lun)
        working(stuck[0], 1)
    for initiator in stuck:
        for itt in list(initiator.open_tags):
            expect(initiator.wait(itt)[0] == GOOD, "after the hang")


@suite.test("a unit whose medium hangs holds up no unit beside it, of its target or another")
def one_hangs():
    more = image("more")
    hang_one(lambda good: ("--target", SECOND, "--lun", f"0=file:{more}"),
             lambda server: [(Initiator(server, SECOND), 0), (Initiator(server, luns=(1,)), 1)])


@suite.test("ten units that hang leave the eleventh its thread")
def ten_hang():
    medium = Medium(suite)
    options = []
    for n in range(10):
        options += ["--lun", f"{n}=file:{image(f'bad{n}')}"]
    server = Tool(suite, *options, "--target", SECOND, "--lun", f"0=file:{image('good')}", medium=medium)
    stuck, well = Initiator(server, luns=range(10)), Initiator(server, SECOND)
    with medium.ruled(READ | WRITE | SYNC, delay_ms=60000, name="bad"):
        for n in range(100):
            if not stuck.room():
                stuck.poll(0.2)
            if stuck.room():
                stuck.submit(write(n * 8, 8), data=blocks(n * 8, 8, 1), lun=n % 10)
        for _ in range(3):
            working(well)
        threads = len(os.listdir(f"/proc/{server.process.pid}/task"))
        expect(threads <= 1 + 64 + 11 + 8, threads, "threads")
    for itt in list(stuck.open_tags):
        expect(stuck.wait(itt)[0] == GOOD, "after the hang")


@suite.test("a file system that is frozen stops neither the network thread nor another target")
def frozen():
    fs = Mounted(suite)
    slow = os.path.join(fs.folder, "image")
    server = Tool(suite, "--lun", f"0=file:{slow},create=4M", "--target", SECOND, "--lun", f"0=file:{image()}")
    stuck, well = Initiator(server), Initiator(server, SECOND)
    working(stuck)
    fs.freeze()
    try:
        tags = [stuck.submit(write(n * 8, 8, n % 2 == 1), data=blocks(n * 8, 8, 1)) for n in range(12)]
        working(well)
        expect(stuck.run(read(7, 8), 4096)[0] == GOOD, "what is in the cache can be read")
        expect(set(tags) & set(stuck.open_tags), "writes ended on a frozen file system")
    finally:
        fs.thaw()
    expect({stuck.wait(itt)[0] for itt in tags} == {GOOD}, "after it was thawed")


def hup(server):
    server.process.send_signal(signal.SIGHUP)


@suite.test("SIGHUP waits for no file: one that hangs is looked at, opened and closed beside the others")
def hup_hangs():
    medium = Medium(suite)
    bad, good = image("bad"), image("good")
    listed = suite.file("units", f"1=file:{bad}\n")
    server = Tool(suite, "--lun", f"0=file:{good}", "--lun-file", listed, medium=medium)
    initiator = Initiator(server, luns=(0, 1))
    with medium.ruled(OPEN | CLOSE, delay_ms=60000, name="bad"):
        suite.file("units", f"1=file:{bad}\n2=file:{image('bad-new')}\n")
        hup(server)
        time.sleep(0.3)
        initiator.settle()
        working(initiator)
        suite.file("units", "")
        hup(server)
        time.sleep(0.3)
        initiator.settle()
        working(initiator)


@suite.test("a target whose medium hangs ends at SIGTERM all the same")
def ends():
    medium = Medium(suite)
    server = Tool(suite, "--lun", f"0=file:{image('bad')}", medium=medium)
    initiator = Initiator(server)
    medium.rule(WRITE | SYNC, delay_ms=60000, name="bad")
    for n in range(20):
        initiator.submit(write(n * 8, 8, n % 2 == 0), data=blocks(n * 8, 8, 1))
    initiator.poll(0.5)
    server.stop()


@suite.test("writing through takes a descriptor for each thread of the share, and no more")
def descriptors():
    medium = Medium(suite)
    server = Tool(suite, "--lun", f"0=file:{image('bad')}", medium=medium)
    many = [Initiator(server, name=f"iqn.2026-11.org.example:i{n}") for n in range(3)]
    before = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    medium.rule(WRITE, delay_ms=50, name="bad")
    tags = []
    for n in range(60):
        initiator = many[n % 3]
        tags.append((initiator, initiator.submit(write(n * 8, 8, True), data=blocks(n * 8, 8, 1))))
    for initiator, tag in tags:
        expect(initiator.wait(tag)[0] == GOOD, "FUA")
    more = len(os.listdir(f"/proc/{server.process.pid}/fd")) - before
    expect(0 < more <= 8, more, "descriptors")


# --- a medium that fails ---

@suite.test("what a failing medium says becomes the sense data of the command, and the other unit does not notice")
def failing():
    medium = Medium(suite)
    server = Tool(suite, "--lun", f"0=file:{image('bad')}", "--lun", f"1=file:{image('good')}", medium=medium)
    initiator = Initiator(server, luns=(0, 1))
    for kinds, error, cdb, data, size, status, key in (
            (WRITE, "EIO", write(8, 8), blocks(8, 8, 1), 0, CHECK, MEDIUM_ERROR),
            (WRITE, "ENOSPC", write(8, 8), blocks(8, 8, 1), 0, CHECK, DATA_PROTECT),
            (WRITE, "EDQUOT", write(8, 8), blocks(8, 8, 1), 0, CHECK, DATA_PROTECT),
            (WRITE, "EROFS", write(8, 8), blocks(8, 8, 1), 0, CHECK, DATA_PROTECT),
            (WRITE, "ENOMEM", write(8, 8), blocks(8, 8, 1), 0, 8, None),
            (ALLOCATE, "EIO", UNMAP, unmap_list(8, 8), 0, CHECK, MEDIUM_ERROR),
            (ALLOCATE, "ENOSPC", UNMAP, unmap_list(8, 8), 0, CHECK, DATA_PROTECT),
            (ALLOCATE, "EOPNOTSUPP", UNMAP, unmap_list(8, 8), 0, GOOD, None),
            (ALLOCATE, "EINTR", UNMAP, unmap_list(8, 8), 0, GOOD, None)):
        with medium.ruled(kinds, error=error, name="bad", times=1 if error == "EINTR" else -1):
            got = initiator.run(cdb, size, data)
            expect(got[0] == status and (key is None or got[2][0] == key), error, cdb.hex(), "->", got[0], got[2])
            working(initiator, 1)
    working(initiator)


@suite.test("a call that moves a part is made again for the rest, one that was interrupted for all")
def parts():
    medium = Medium(suite)
    server = Tool(suite, "--lun", f"0=file:{image('bad')}", medium=medium)
    initiator = Initiator(server)
    for rule in (dict(most=512), dict(most=100), dict(error="EINTR", times=2)):
        data = blocks(64, 64, 5)
        with medium.ruled(WRITE | READ, name="bad", **rule):
            expect(initiator.run(write(64, 64, True), data=data)[0] == GOOD, rule, "FUA")
            expect(initiator.run(write(64, 64), data=data)[0] == GOOD, rule)
            expect(initiator.run(read(64, 64), len(data))[1] == data, rule, "read")
        with medium.ruled(ALLOCATE, error="EOPNOTSUPP"):
            medium.rule(WRITE, place=1, name="bad", **rule)
            expect(initiator.run(UNMAP, data=unmap_list(70, 20))[0] == GOOD, rule, "zeroes")
        expect(initiator.run(read(64, 64), len(data))[1] == data[:6 * 512] + bytes(20 * 512) + data[26 * 512:], rule, "what is there")


@suite.test("a write that failed halfway says where")
def where():
    medium = Medium(suite)
    server = Tool(suite, "--lun", f"0=file:{image('bad')}", medium=medium)
    initiator = Initiator(server)
    medium.rule(WRITE, place=0, most=1024)
    medium.rule(WRITE, place=1, error="ENOSPC", offset=110 * 512, length=512)
    itt = initiator.submit(write(100, 16), data=blocks(100, 16, 2))
    initiator.wait(itt)
    sense = initiator.sense
    expect(sense[2] & 15 == DATA_PROTECT and sense[0] & 0x80 and struct.unpack(">I", sense[3:7])[0] == 110, sense.hex())
    medium.clear()
    got = initiator.run(read(100, 16), 16 * 512)[1]
    expect(got[:8 * 512] == blocks(100, 8, 2), "what went before is there")



# --- a medium that loses what was written ---

FAILED = (4, 0x3e, 1)  # HARDWARE ERROR, LOGICAL UNIT FAILURE


def fails_for_good(server, one, other, path):
    """From the moment on that a flush failed: who wrote knows, and no write and no flush is good again."""
    for initiator in (one, other):
        initiator.settle()
        for cdb, data in ((synchronize(), b""), (write(8, 8), blocks(8, 8, 2)), (write(8, 8, True), blocks(8, 8, 2)),
                          (UNMAP, unmap_list(8, 8)), (write_same(8, 8), bytes(512)), (synchronize(), b"")):
            got = initiator.run(cdb, data=data)
            expect(got[0] == CHECK, cdb.hex(), "->", got[0], got[2])
        expect(initiator.run(read(0, 8), 4096)[0] == GOOD, "what is there can be read")
    said(server, "what was written since the last flush may be lost")
    expect(f"{path}: what was written" in server.text(), server.text())


def good_again(server, one, other, path):
    server.process.send_signal(signal.SIGHUP)
    said(server, f"{path} is opened anew and takes writes again")
    got = other.run(bytes(6))
    expect(got[0] == CHECK and got[2][0] == 6, "who wrote has to learn that something may be lost:", got[2])
    for initiator in (one, other):
        initiator.settle()
        working(initiator)


@suite.test("a flush that failed once is not followed by one that succeeds, for anybody, until the file is opened anew")
def flush_fails_once():
    for rule, cdb, data in ((dict(kinds=SYNC), synchronize(), b""), (dict(kinds=SYNC, error="ENOSPC"), synchronize(), b""),
                            (dict(kinds=WRITE), write(16, 8, True), blocks(16, 8, 1))):
        medium, path = Medium(suite), image("bad")
        server = Tool(suite, "--lun", f"0=file:{path}", medium=medium)
        one, other = Initiator(server), Initiator(server, name="iqn.2026-11.org.example:two")
        for n, initiator in enumerate((one, other)):
            expect(initiator.run(write(n, 1), data=block(n, 1))[0] == GOOD, "before")
        medium.rule(**{"error": "EIO", "name": "bad", "times": 1, **rule})
        expect(one.run(cdb, data=data)[0] == CHECK, "the one that failed")
        fails_for_good(server, one, other, path)
        good_again(server, one, other, path)
        server.killed()


@suite.test("flushes at the same time as one that fails do not succeed in its place")
def flushes_together():
    medium, path = Medium(suite), image("bad")
    server = Tool(suite, "--lun", f"0=file:{path}", medium=medium)
    many = [Initiator(server, name=f"iqn.2026-11.org.example:i{n}") for n in range(6)]
    for n, initiator in enumerate(many):
        expect(initiator.run(write(n, 1), data=block(n, 1))[0] == GOOD, "before")
    medium.rule(SYNC, place=0, delay_ms=300, name="bad")
    medium.rule(SYNC, place=1, error="EIO", times=1, name="bad")
    tags = [initiator.submit(synchronize()) for initiator in many]
    got = [initiator.wait(tag)[0] for initiator, tag in zip(many, tags)]
    medium.clear()
    expect(GOOD not in got, got)


@suite.test("a device that lost writes is known by all flushes, and what it has is read when it is opened anew")
def lost_writes():
    # a sparse image on a full tmpfs below a loop device: writes are taken, and their writing back fails
    need("losetup", "mount")
    if os.geteuid() != 0:
        raise Skipped("mounting needs root")
    folder = suite.path("full")
    os.mkdir(folder)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "none", folder], check=False).returncode:
        raise Skipped("no tmpfs can be mounted here")
    suite.open.callback(subprocess.run, ["umount", "-l", folder])
    with open(os.path.join(folder, "image"), "wb") as f:
        f.truncate(32 << 20)
    with open(os.path.join(folder, "filler"), "wb") as f:
        f.write(bytes(7 << 20))
    found = subprocess.run(["losetup", "-f", "--show", os.path.join(folder, "image")], capture_output=True, text=True, check=False)
    if found.returncode:
        raise Skipped("no loop device is to be had here")
    device = found.stdout.strip()
    suite.open.callback(subprocess.run, ["losetup", "-d", device])
    server = Tool(suite, "--lun", f"0=file:{device}")
    many = [Initiator(server, name=f"iqn.2026-11.org.example:i{n}") for n in range(4)]
    for n, initiator in enumerate(many):
        for k in range(8):
            at = (n * 8 + k) * 1024
            expect(initiator.run(write(at, 1024), data=blocks(at, 1024, 1))[0] == GOOD, "in the cache")
    tags = [initiator.submit(synchronize()) for initiator in many]
    got = [initiator.wait(tag)[0] for initiator, tag in zip(many, tags)]
    expect(GOOD not in got, "flushes of lost writes:", got)
    fails_for_good(server, many[0], many[1], device)
    os.unlink(os.path.join(folder, "filler"))
    good_again(server, many[0], many[1], device)
    there = many[0].run(read(31 * 1024, 1024), 1024 * 512)[1]
    many[0].run(synchronize())
    with open(os.path.join(folder, "image"), "rb") as f:
        f.seek(31 * 1024 * 512)
        expect(f.read(1024 * 512) == there, "what is read is not what the device has")
    for initiator in many:
        initiator.close()
    server.stop()


suite.run()
