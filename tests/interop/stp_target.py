#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our stp-target against an initiator in Python, written from docs/frame-protocol.md alone; and what a hostile one meets."""
import json
import os
import random
import re
import signal
import socket
import struct
import time

from harness import BIN, ROOT, Suite, expect, run, same_bytes
from stp_peer import (BUSY, CHECK_CONDITION, FINAL, GOOD, READ, TASK_SET_FULL, WRITE, ZEROES, Ended, Frame, Initiator, Stream)

suite = Suite()


def serve(*options):
    return suite.serve(*options, tool="stp-target")


def connect(server, **words):
    i = Initiator("127.0.0.1", server.port, **words)
    suite.open.callback(i.close)
    for _ in range(8):  # unit attentions
        if i.command([0x00]).status == GOOD:
            return i
    expect(False, "the unit does not become ready")


def read10(lba, blocks):
    return struct.pack(">BBIBHB", 0x28, 0, lba, 0, blocks, 0)


def write10(lba, blocks):
    return struct.pack(">BBIBHB", 0x2a, 0, lba, 0, blocks, 0)


@suite.test("a read is answered by XFER with status and data, a write by SNDD and CMPT, the rest by CMPT")
def figures():
    i = connect(serve("--lun", "0=ram:16M"))
    data = os.urandom(4096)
    x = i.command(write10(10, 8), data=data)
    expect((x.status, x.frames) == (GOOD, [b"SNDD", b"CMPT"]), x.status, x.frames)
    x = i.command(read10(10, 8), expect=4096)
    expect((x.status, x.frames) == (GOOD, [b"XFER"]), x.status, x.frames)
    expect(bytes(x.got) == data, "what was read")
    x = i.command([0x00])
    expect((x.status, x.frames) == (GOOD, [b"CMPT"]), x.status, x.frames)


@suite.test("the conversation that the page prints byte by byte takes place")
def conversation():
    page = (ROOT / "docs" / "frame-protocol.md").read_text(encoding="utf-8")
    frames = re.findall(r"^([A-Z]{4})((?: +[0-9a-f]{2})+(?:\n +(?:[0-9a-f]{2} *)+$)+)(\n +and 512 bytes of data)?",
                        page[page.index("## 9."):page.index("## 10.")], re.M)
    expect([name for name, _, _ in frames] == "NEWC CMPT NEWC SNDD XFER CMPT NEWC XFER".split(), frames)
    sock = raw(serve("--lun", "0=ram:16M")).sock
    data = os.urandom(512)
    for number, (name, digits, has_data) in enumerate(frames):
        header = bytes.fromhex(digits)
        expect(len(header) == 68 and header[12:16] == name.encode(), "header", number, header)
        whole = header + data if has_data else header
        if name == "NEWC" or number == 4:
            sock.sendall(whole)
        else:
            got = sock.recv(len(whole), socket.MSG_WAITALL)
            expect(got == whole, "frame", number, "is", got[:68].hex(" "), "on the page", header.hex(" "))


@suite.test("large transfers come and go in bursts")
def bursts():
    for burst in (1 << 20, 50000, 512):
        i = connect(serve("--lun", "0=ram:16M"), burst=burst)
        data = os.urandom(5 << 20)
        x = i.command(write10(0, 10240), data=data)
        expect(x.status == GOOD and x.frames.count(b"SNDD") >= 5, "grants of 1 MiB at most:", x.frames)
        x = i.command(read10(0, 10240), expect=len(data))
        expect(x.frames.count(b"XFER") >= 5 and bytes(x.got) == data, "what was read, burst", burst)


@suite.test("with a standing grant a write is NEWC and XFER, answered by CMPT, and the rest is asked for by SNDD")
def standing():
    server = serve("--lun", "0=ram:16M", "--lun", "1=ram:1M,ro", "--standing-grant", "4K")
    i = connect(server, standing=4096)
    for size, frames in ((512, [b"CMPT"]), (4096, [b"CMPT"]), (4608, [b"SNDD", b"CMPT"]), (3 << 20, [b"SNDD"] * 3 + [b"CMPT"])):
        data = os.urandom(size)
        x = i.command(write10(10, size // 512), data=data)
        expect((x.status, x.frames) == (GOOD, frames), size, x.status, x.frames)
        x = i.command(read10(10, size // 512), expect=size)
        expect(x.status == GOOD and bytes(x.got) == data, "what was read", size)
    while i.command([0x00], lun=1).status != GOOD:
        pass
    for lun, asc in ((1, 0x27), (9, 0x25)):
        x = i.command(write10(0, 16), lun=lun, data=bytes(8192))
        expect((x.status, x.frames, x.sense[12]) == (CHECK_CONDITION, [b"CMPT"], asc), lun, x.status, x.frames, x.sense)
    ends = [i.finish(x).status for x in [i.start(write10(n, 1), data=bytes(512)) for n in range(1000)]]
    expect(set(ends) <= {GOOD, TASK_SET_FULL} and ends.count(GOOD) >= 250, set(ends))
    for frame in (newc(90, read10(0, 1), READ, 512), Frame(b"XFER", 77, flags=WRITE | FINAL, obuf=write10(0, 1).ljust(16, b"\0"), length=512,
                                                            data=bytes(512))):
        stream = raw(server)
        stream.send(newc(77, write10(0, 2), WRITE, 1024))
        stream.send(frame)
        expect(is_closed(stream), frame, "behind a NEWC did not close the connection")
    expect(i.command([0x00]).status == GOOD, "another connection")


@suite.test("sixty exchanges at once, in any mixture, end each with its own data")
def concurrent():
    i = connect(serve("--lun", "0=ram:16M"))
    rounds = random.Random(5)
    model = bytearray(16 << 20)
    for turn in range(10):
        areas = list(range(60))
        rounds.shuffle(areas)
        started = []
        for area in areas:
            lba, blocks = area * 200, rounds.randint(1, 200)
            if rounds.random() < 0.5:
                data = rounds.randbytes(blocks * 512)
                model[lba * 512:lba * 512 + len(data)] = data
                started.append((i.start(write10(lba, blocks), data=data), None))
            else:
                started.append((i.start(read10(lba, blocks), expect=blocks * 512), bytes(model[lba * 512:(lba + blocks) * 512])))
        for x, want in started:
            i.finish(x)
            expect(x.status == GOOD, "status", x.status)
            expect(want is None or bytes(x.got) == want, "what was read in turn", turn)


@suite.test("failures come with status and sense, and no data")
def failures():
    server = serve("--lun", "0=ram:16M", "--lun", "3=ram:1M,ro")
    i = connect(server)
    for cdb, lun, asc in ((read10(40000, 1), 0, 0x21), (read10(0, 1), 9, 0x25), (bytes([0xff]), 0, 0x20)):
        x = i.command(cdb, lun=lun, expect=512)
        expect(x.status == CHECK_CONDITION and x.frames == [b"CMPT"], cdb, x.status, x.frames)
        expect(x.sense and x.sense[0] & 0x7f == 0x70 and x.sense[2] & 15 == 5 and x.sense[12] == asc, cdb, x.sense)
        expect(not x.got, "no data")
    while i.command([0x00], lun=3).status != GOOD:
        pass
    x = i.command(write10(0, 1), lun=3, data=bytes(512))
    expect(x.status == CHECK_CONDITION and x.sense[2] & 15 == 7 and x.sense[12] == 0x27, "write-protected:", x.status, x.sense)


@suite.test("a shorter buffer is filled and no more, a longer one is left at its end")
def residuals():
    i = connect(serve("--lun", "0=ram:16M"))
    data = os.urandom(2048)
    i.command(write10(0, 4), data=data)
    x = i.command(read10(0, 4), expect=1000)
    expect(x.status == GOOD and bytes(x.got) == data[:1000], "shorter:", x.status, len(x.got))
    x = i.command(read10(0, 4), expect=5000)
    expect(x.status == GOOD and bytes(x.got) == data, "longer:", x.status, len(x.got))


@suite.test("a thousand commands at once are all answered, with TASK SET FULL where there is no room")
def flood():
    i = connect(serve("--lun", "0=ram:16M"))
    started = [i.start(read10(n, 1), expect=512) for n in range(1000)]
    ends = [i.finish(x).status for x in started]
    expect(set(ends) <= {GOOD, TASK_SET_FULL}, set(ends))
    expect(ends.count(GOOD) >= 250, "executed:", ends.count(GOOD))
    expect(i.command([0x00]).status == GOOD, "afterwards")


@suite.test("one that is not on the list of --allow is not served")
def allow():
    server = serve("--lun", "0=ram:1M", "--allow", "192.0.2.0/24")
    s = socket.create_connection(("127.0.0.1", server.port))
    s.settimeout(5)
    expect(s.recv(1) == b"", "closed at once")
    server = serve("--lun", "0=ram:1M", "--allow", "127.0.0.0/8")
    connect(server)


@suite.test("a file keeps what was written, and counters tell of it")
def files():
    image = suite.path("image")
    server = serve("--lun", f"0=file:{image},create=8M", "--stats")
    data, back = suite.random_file("data", 8 << 20), suite.path("back")
    url = f"stp://{server.address}/0"
    run(BIN / "stp-initiator", "write", url, "--lba", 0, "--from", data)
    run(BIN / "stp-initiator", "read", url, "--lba", 0, "--blocks", 16384, "--to", back)
    same_bytes(data, back)
    server.stop()
    same_bytes(data, image)
    counted = json.loads([line for line in server.text().splitlines() if line.startswith("{")][-1])
    expect(counted["write_bytes"] == 8 << 20 and counted["read_bytes"] >= 8 << 20 and counted["connections"] == 2, counted)


def ready(server):
    """A connection whose unit has no attention left; nothing reads from it but the test."""
    stream = raw(server)
    for oid in range(1, 9):
        stream.send(newc(oid, bytes(6)))
        if stream.receive().status == GOOD:
            return stream
    expect(False, "the unit does not become ready")


def open_write(stream, oid, lba):
    """A write of 8 blocks that has its grant and waits for its data."""
    stream.send(newc(oid, write10(lba, 8), WRITE, 4096))
    f = stream.receive()
    expect(f.event == b"SNDD" and f.length == 4096, f)
    return f


def give(stream, grant, data):
    stream.send(Frame(b"XFER", grant.oid, flags=WRITE | FINAL, rid=grant.rid, obuf=grant.obuf, rbuf=grant.rbuf, length=len(data),
                      data=data))


def at_its_end(stream):
    """The target ends the stream at the border of a frame, without another one."""
    try:
        f = stream.receive()
        return expect(False, "instead of the end came", f)
    except Ended:
        stream.close()


@suite.test("SIGTERM: what is open ends, what is new is refused with BUSY or closed, idle connections close, then it ends with 0")
def farewell():
    image = suite.random_file("farewell", 16 << 20)
    server = serve("--lun", f"0=file:{image}")
    with open(image, "rb") as f:
        before = f.read()
    idle, writer, reader = ready(server), ready(server), ready(server)
    grant = open_write(writer, 10, 20000)
    # more than the buffers of both sockets hold: it is under way until it is read
    for oid in (20, 21):
        reader.send(newc(oid, read10((oid - 20) * 16384, 16384), READ, 8 << 20))
    first = reader.receive()
    expect(first.event == b"XFER", first)
    server.process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    at_its_end(idle)
    for oid, command in ((11, newc(11, bytes(6))), (12, newc(12, read10(0, 1), READ, 512)), (13, newc(13, write10(0, 1), WRITE, 512))):
        writer.send(command)
        f = writer.receive()
        expect((f.event, f.oid, f.status, f.rid) == (b"CMPT", oid, BUSY, 0), "a new command is answered with", f)
    expect(is_closed(raw(server)), "a new connection was let in")
    expect(server.alive(), "it did not wait for the write")
    data = os.urandom(4096)
    give(writer, grant, data)
    f = writer.receive()
    expect((f.event, f.oid, f.status, f.length) == (b"CMPT", 10, GOOD, 4096), "the write that was open:", f)
    at_its_end(writer)
    expect(server.alive(), "it did not wait for the read")
    got, finals = {20: b"", 21: b""}, 0
    got[first.oid] = first.data
    while finals < 2:
        f = reader.receive()
        expect((f.event, f.status) == (b"XFER", GOOD), "the reads that were open:", f)
        got[f.oid] += f.data
        finals += bool(f.flags & FINAL)
    expect(got[20] == before[:8 << 20], "what was read first")
    # the write fell into the second half while it was read
    at = 20000 * 512 - (8 << 20)
    expect(got[21][:at] + got[21][at + 4096:] == before[8 << 20:][:at] + before[8 << 20:][at + 4096:], "what was read then")
    at_its_end(reader)
    server.process.wait(5)
    expect(server.process.returncode == 0, "exit code", server.process.returncode, server.text())
    expect(time.monotonic() - start < 1.4, "it waited for nobody:", time.monotonic() - start, "s")
    with open(image, "rb") as f:
        now = f.read()
    at = 20000 * 512
    expect(now == before[:at] + data + before[at + 4096:], "what stands in the file")


@suite.test("SIGTERM: an exchange that does not end is given 1.5 seconds, and none after a second SIGTERM; the end is 0")
def deadline():
    for signals, least, most in ((1, 1.4, 5), (2, 0, 1.2)):
        server = serve("--lun", "0=ram:16M")
        idle, stream = ready(server), ready(server)
        open_write(stream, 10, 100)
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        at_its_end(idle)
        expect(server.alive(), "it did not wait for the write")
        if signals == 2:
            server.process.send_signal(signal.SIGTERM)
        server.process.wait(10)
        took = time.monotonic() - start
        expect(server.process.returncode == 0 and least < took < most, signals, "signals: code", server.process.returncode, "after", took)


@suite.test("one thread serves the disk whatever --threads says, and file I/O has at most eight of its own")
def threads():
    for number, backing, most in ((1, "ram:4M", 1), (8, "ram:4M", 1), (4, f"file:{suite.path('threads')},create=4M", 9)):
        server = serve("--lun", f"0={backing}", "--threads", number)
        clients = [connect(server) for _ in range(4)]
        started = [(i, i.start(read10(n, 64), expect=32768)) for n in range(32) for i in clients]
        for i, x in started:
            expect(i.finish(x).status == GOOD, "status", x.status)
        running = len(os.listdir(f"/proc/{server.process.pid}/task"))
        expect(1 <= running <= most, running, "threads with", number, backing)
    for wrong in ("0", "65", "many"):
        expect("--threads" in run(BIN / "stp-target", "--lun", "0=ram:1M", "--threads", wrong, ok=(2,)), wrong)


# --- what a hostile initiator meets --------------------------------------------------------------------------------------


def raw(server):
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.settimeout(10)
    stream = Stream(sock, "initiator")
    suite.open.callback(stream.close)
    return stream


def newc(oid, cdb, flags=0, length=0):
    return Frame(b"NEWC", oid, flags=flags, obuf=bytes(cdb).ljust(16, b"\0"), length=length)


def is_closed(stream):
    """The target says nothing more and closes."""
    try:
        while stream.sock.recv(65536):
            pass
        return True
    except socket.timeout:
        return False
    except OSError:
        return True


BROKEN = {
    "a wrong sync": {"sync": 0},
    "a wrong closing sync": {"sync2": 0x53545030},
    "a sequence gap": {"seq": 1},
    "an unknown type": {"type": b"cmds"},
    "an unknown event": {"event": b"ABRT"},
    "an event of the target's": {"event": b"SNDD"},
    "reserved flags": {"flags": 0x8001},
    "both directions": {"flags": 3},
    "no exchange ID": {"oid": 0},
    "a responder ID in NEWC": {"rid": 1},
    "a length without direction": {"flags": 0},
    "a status": {"status": 2},
    "a responder buffer in NEWC": {"rbuf": b"x" * 16},
}


@suite.test("a broken header closes its connection, and another one works on")
def broken():
    server = serve("--lun", "0=ram:16M")
    i = connect(server)
    for what, wrong in BROKEN.items():
        stream = raw(server)
        stream.send(newc(1, read10(0, 1), READ, 512), **wrong)
        expect(is_closed(stream), what, "did not close the connection")
        expect(i.command(read10(0, 1), expect=512).status == GOOD, what, "was noticed elsewhere")
    expect(server.alive(), "the target lives")


def granted(server):
    """A write of 8 blocks that has its grant: the stream and the SNDD."""
    stream = raw(server)
    for oid in range(1, 9):
        stream.send(newc(oid, write10(100, 8), WRITE, 4096))
        f = stream.receive()
        if f.event == b"SNDD":
            return stream, f
    expect(False, "no grant")


@suite.test("a broken XFER closes its connection and writes nothing")
def broken_data():
    server = serve("--lun", "0=ram:16M")
    i = connect(server)
    before = bytes(i.command(read10(0, 2000), expect=1024000).got)
    wrongs = [{"rid": 0}, {"rid": 0xffffffff}, {"oid": 77}, {"rbuf": ZEROES}, {"rbuf": b"\xff" * 16}, {"obuf": ZEROES}, {"lun": 1},
              {"length": 4097}, {"length": 0xffffffff}, {"length": 0}, {"flags": READ}, {"status": 1}, {"event": b"NEWC"}]
    for wrong in wrongs:
        stream, f = granted(server)
        data = os.urandom(4096)
        try:
            stream.send(Frame(b"XFER", f.oid, flags=WRITE | FINAL, rid=f.rid, obuf=f.obuf, rbuf=f.rbuf, length=4096, data=data),
                        **wrong)
        except OSError:
            pass
        expect(is_closed(stream), wrong, "did not close the connection")
        expect(bytes(i.command(read10(0, 2000), expect=1024000).got) == before, wrong, "wrote something")


@suite.test("a write that stops in the middle of its data leaves the target well")
def half():
    server = serve("--lun", "0=ram:16M")
    i = connect(server)
    for n in (0, 1, 2000, 4095):
        stream, f = granted(server)
        stream.send(Frame(b"XFER", f.oid, flags=WRITE | FINAL, rid=f.rid, obuf=f.obuf, rbuf=f.rbuf, length=4096, data=bytes(n)))
        stream.close()
        expect(i.command([0x00]).status == GOOD, "after", n, "bytes")


@suite.test("an initiator that owes what it was granted for 30 seconds is closed")
def owing():
    stream, _ = granted(serve("--lun", "0=ram:16M"))
    begin = time.monotonic()
    stream.sock.settimeout(45)
    expect(stream.sock.recv(1) == b"", "something came")
    waited = time.monotonic() - begin
    expect(29 < waited < 35, "closed after", waited, "seconds")


@suite.test("ten thousand commands without reading do not make the target grow")
def unread():
    server = serve("--lun", "0=ram:16M")
    i = connect(server)
    stream = raw(server)
    stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before = resident(server)
    stream.sock.settimeout(2)
    sent = 0
    try:
        for oid in range(1, 10001):
            stream.send(newc(oid, read10(0, 64), READ, 32768))
            sent += 1
    except OSError:
        pass
    expect(resident(server) - before < 8 << 20, "grew by", resident(server) - before, "after", sent)
    expect(i.command(read10(0, 1), expect=512).status == GOOD, "another connection")


def resident(server):
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@suite.test("random bytes, and good frames with random bytes in them, never end the target")
def noise():
    server = serve("--lun", "0=ram:16M")
    dice = random.Random(11)
    for _ in range(200):
        stream = raw(server)
        stream.sock.settimeout(0.2)
        try:
            for oid in range(1, dice.randint(2, 6)):
                raw_frame = bytearray(stream.encode(newc(oid, dice.choice([read10(0, 8), write10(0, 8), bytes(6)]),
                                                         dice.choice([0, READ, WRITE]), dice.choice([0, 512, 4096]))))
                stream.sent += 1
                for _ in range(dice.randint(0, 3)):
                    raw_frame[dice.randrange(68)] = dice.randrange(256)
                stream.sock.sendall(raw_frame)
            stream.sock.sendall(dice.randbytes(dice.randrange(300)))
        except OSError:
            pass
        stream.close()
    expect(server.alive(), "the target lives")
    connect(server)


suite.run()
