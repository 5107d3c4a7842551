#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files as units: who may serve one, what must be kept beside it, how one is made, and what of it is a hole."""
import os
import shutil
import signal
import struct
import subprocess
import time

from harness import BIN, TARGET, Suite, expect, need, run
from medium import (BLOCK, CHECK, CLOSE, GOOD, MEDIUM_ERROR, OPEN, RENAME, SYNC, UNLINK, WRITE, Initiator, Medium, Mounted,
                    Tool, block, blocks, generation_of, keys, lba_status, read, records, reserve_out, write)

suite = Suite()
SANITIZE, OVERWRITE = bytes([0x48, 0x81, 0, 0, 0, 0, 0, 0, 8, 0]), bytes([1, 0, 0, 4, 0x55, 0xaa, 0x55, 0xaa])
OTHER = "iqn.2026-11.org.libiscsiproto:second"


def image(size=1 << 20, content=None):
    return suite.file(f"image-{time.monotonic_ns()}", content or bytes(size))


def refused(*options, code=1, tool="iscsi-target", env=None):
    """What a target says that must not start."""
    words = ["--target", TARGET] if tool == "iscsi-target" else []
    return run(BIN / tool, "--listen", "127.0.0.1:0", *words, *options, ok=[code], timeout=20, env=env)


def wait_for(holds, what, seconds=30):
    until = time.monotonic() + seconds
    while not holds():
        expect(time.monotonic() < until, what)
        time.sleep(0.05)


def hup(server, words):
    """SIGHUP, and what has to be said of it."""
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: words in server.text(), f"'{words}' was not said: {server.text()}")


# --- who may serve a file ---

@suite.test("a file is served once: by one program, and in it as one unit; the refusal names the file")
def once():
    path = image()
    alias = suite.path("alias")
    os.symlink(path, alias)
    server = Tool(suite, "--lun", f"0=file:{path}")
    for options, tool in ((("--lun", f"0=file:{path}"), "iscsi-target"), (("--lun", f"0=file:{alias}"), "iscsi-target"),
                          (("--lun", f"0=file:{path}"), "stp-target"), (("--lun", f"3=file:{path},ro"), "iscsi-target")):
        said = refused(*options, tool=tool)
        expect(options[1].split(":")[1].split(",")[0] in said and "it is in use" in said, said)
    other = image()
    said = refused("--lun", f"0=file:{other}", "--target", OTHER, "--lun", f"0=file:{other}")
    expect(other in said and "it is in use" in said, said)
    expect(Initiator(server).run(write(0, 1), data=block(0, 1))[0] == GOOD, "the first goes on")
    server.killed()
    Tool(suite, "--lun", f"0=file:{path}").killed()
    # a unit that comes back as another while its closing still lasts
    medium, listed = Medium(suite), suite.file("units", f"1=file:{path}\n")
    server = Tool(suite, "--lun", "0=ram:1M", "--lun-file", listed, medium=medium)
    initiator = Initiator(server)
    medium.rule(CLOSE, delay_ms=500, name=os.path.basename(path))
    for text in ("", f"2=file:{path}\n"):
        suite.file("units", text)
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: initiator.run(bytes(6), lun=1)[2] == (5, 0x25, 0), "it is still there")

    def there():
        initiator.settle(2)
        return initiator.run(read(0, 1), 512, lun=2)[0] == GOOD
    wait_for(there, "the unit is not back")


@suite.test("',shared' serves a file beside others, and keeps those away that want it for themselves")
def shared():
    path = image()
    first = Tool(suite, "--lun", f"0=file:{path},shared")
    second = Tool(suite, "--lun", f"0=file:{path},shared", tool="stp-target")
    expect("it is in use" in refused("--lun", f"0=file:{path}"), "its own")
    initiator = Initiator(first)
    cdb, data = reserve_out(0, new=7)
    expect(initiator.run(cdb, data=data)[0] == CHECK, "what is kept would not be its own: APTPL")
    cdb, data = reserve_out(0, new=7, kept=False)
    expect(initiator.run(cdb, data=data)[0] == GOOD and not os.path.exists(path + ".pr"), "a registration in memory")
    first.killed(), second.killed()
    Tool(suite, "--lun", f"0=file:{path}")
    Tool(suite, "--lun", f"0=file:{path},shared")


@suite.test("those who only read a file serve it together, and apart from one who writes it")
def readers():
    path = image()
    first, _ = Tool(suite, "--lun", f"0=file:{path},ro"), Tool(suite, "--lun", f"0=file:{path},ro")
    expect("it is in use" in refused("--lun", f"0=file:{path}"), "a writer")
    expect(Initiator(first).run(read(0, 8), 4096)[0] == GOOD, "reading")


@suite.test("a block device that is mounted, or served already, is not written to")
def devices():
    fs = Mounted(suite)
    need("losetup")
    device = subprocess.run(["findmnt", "-no", "SOURCE", fs.folder], capture_output=True, text=True, check=True).stdout.strip()
    said = refused("--lun", f"0=file:{device}")
    expect(device in said and "it is in use" in said, said)
    Tool(suite, "--lun", f"0=file:{device},ro").killed()
    fs.close()
    loop = subprocess.run(["losetup", "-f", "--show", fs.image], capture_output=True, text=True, check=True).stdout.strip()
    suite.open.callback(subprocess.run, ["losetup", "-d", loop])
    server = Tool(suite, "--lun", f"0=file:{loop}")
    expect("it is in use" in refused("--lun", f"0=file:{loop}"), "twice")
    initiator = Initiator(server)
    expect(initiator.run(write(9, 4, True), data=blocks(9, 4, 2))[0] == GOOD, "FUA")
    got = initiator.run(lba_status(0), 24)
    expect(got[0] == GOOD and got[1][20] == 0, "a device tells no holes: mapped")
    initiator.close()
    server.stop()


@suite.test("what is neither a regular file nor a block device is refused without being opened")
def others():
    fifo = suite.path("fifo")
    os.mkfifo(fifo)
    for path, words in ((fifo, "neither"), (suite.folder, "neither"), ("/dev/null", "neither"), (suite.path("none"), "No such file")):
        said = refused("--lun", f"0=file:{path},ro")
        expect(path in said and words in said, said)


# --- what is kept beside it ---

def reserved(path):
    """A unit with a reservation of one initiator that is kept."""
    server = Tool(suite, "--lun", f"0=file:{path}")
    holder = Initiator(server)
    for cdb, data in (reserve_out(6, new=1), reserve_out(1, key=1, kind=3)):
        expect(holder.run(cdb, data=data)[0] == GOOD, "PERSISTENT RESERVE OUT")
    server.killed()


@suite.test("a reservation that cannot be read keeps its unit away, in words; one that is not there was never made")
def unreadable():
    path = image()
    reserved(path)
    kept = path + ".pr"
    with open(kept, "rb") as f:
        good = f.read()
    stranger = "iqn.2026-11.org.example:two"
    server = Tool(suite, "--lun", f"0=file:{path}")
    expect(Initiator(server, name=stranger).run(write(0, 1), data=block(0, 1))[0] == 0x18, "RESERVATION CONFLICT")
    server.killed()
    os.unlink(kept)

    def wrong(make, words):
        make()
        for tool in ("iscsi-target", "stp-target"):
            said = refused("--lun", f"0=file:{path}", tool=tool)
            expect(kept in said and words in said, said)
        listed = suite.file("units", "")
        served = Tool(suite, "--lun", "0=ram:1M", "--lun-file", listed)
        suite.file("units", f"1=file:{path}\n")
        hup(served, kept)
        expect(served.alive(), "the target ended")
        served.killed()
        if os.path.isdir(kept) and not os.path.islink(kept):
            os.rmdir(kept)
        else:
            os.unlink(kept)

    def contents(data):
        def put():
            with open(kept, "wb") as f:
                f.write(data)
        return put
    wrong(contents(b""), "it is empty")
    wrong(contents(good + bytes(1 << 20)), "longer")
    wrong(contents(good[:-9]), "damaged")
    wrong(contents(bytes([good[0] ^ 1]) + good[1:]), "damaged")
    wrong(lambda: os.mkdir(kept), "not a regular file")
    wrong(lambda: os.symlink("nowhere", kept), "not a regular file")
    wrong(lambda: os.symlink(os.path.basename(kept), kept), "not a regular file")
    medium = Medium(suite)
    for error, words in (("EACCES", "Permission denied"), ("EMFILE", "Too many open files"), ("EIO", "Input/output error")):
        contents(good)()
        medium.rule(OPEN, error=error, name=".pr")
        said = refused("--lun", f"0=file:{path}", env=medium.env())
        expect(kept in said and words in said, said)
    os.unlink(kept)
    Tool(suite, "--lun", f"0=file:{path}")


@suite.test("a name that leaves no room for what is kept keeps the unit away")
def long_name():
    path = suite.path("n" * 254)
    with open(path, "wb") as f:
        f.write(bytes(1 << 20))
    said = refused("--lun", f"0=file:{path}")
    expect("File name too long" in said, said)


@suite.test("what is kept is stable before the answer: the file, its name, and that it has gone")
def stable_state():
    medium = Medium(suite, log=True)
    path = image()
    server = Tool(suite, "--lun", f"0=file:{path}", medium=medium)
    initiator = Initiator(server)
    expect(initiator.run(*reserve_out(0, new=5)[:1], data=reserve_out(0, new=5)[1])[0] == GOOD, "REGISTER")
    folder = os.path.dirname(path)

    def order():
        ends = [r for r in records(medium.log) if r[1] != r[2]]
        return [(r[0], r[7]) for r in ends if ".pr" in r[7] or r[7] == folder]
    expect(order() == [(UNLINK, path + ".pr.new"), (SYNC, path + ".pr.new"), (RENAME, path + ".pr"), (SYNC, folder)], order())
    # a registration that is not to be kept takes what was kept away
    cdb, data = reserve_out(6, new=6, kept=False)
    expect(initiator.run(cdb, data=data)[0] == GOOD and not os.path.exists(path + ".pr"), "REGISTER without APTPL")
    expect(order()[4:] == [(UNLINK, path + ".pr"), (SYNC, folder)], order())


@suite.test("a reservation that could not be kept is not in force, and the unit goes on")
def not_kept():
    medium = Medium(suite)
    path = image()
    server = Tool(suite, "--lun", f"0=file:{path}", medium=medium)
    initiator = Initiator(server)
    for kinds, error in ((RENAME, "EIO"), (SYNC, "EIO"), (OPEN, "EACCES"), (OPEN, "ENOSPC"), (RENAME, "EROFS")):
        cdb, data = reserve_out(0, new=9)
        with medium.ruled(kinds, error=error, name=".pr"):
            expect(initiator.run(cdb, data=data)[0] == CHECK, error)
        expect(keys(initiator) == [] and not os.path.exists(path + ".pr.new"), error, "left something behind")
        expect(path + ".pr" in server.text(), server.text())
    cdb, data = reserve_out(0, new=9)
    expect(initiator.run(cdb, data=data)[0] == GOOD and keys(initiator) == [9], "afterwards")


@suite.test("initiators that register at the same time are all kept")
def together():
    path = image()
    server = Tool(suite, "--lun", f"0=file:{path}")
    many = [Initiator(server, name=f"iqn.2026-11.org.example:i{n}") for n in range(12)]
    for turn in range(4):
        tags = []
        for n, i in enumerate(many):
            cdb, data = reserve_out(6, new=0x1000 * turn + n + 1)
            tags.append(i.submit(cdb, data=data))
        expect({i.wait(t)[0] for i, t in zip(many, tags)} == {GOOD}, "turn", turn)
    now = keys(many[0])
    server.killed()
    server = Tool(suite, "--lun", f"0=file:{path}")
    expect(keys(Initiator(server)) == now and len(now) == 12, "after a crash")


@suite.test("a SANITIZE that a crash cut off has not been forgotten after it, and is done again before anything is read")
def sanitized():
    medium = Medium(suite)
    path = image(8 << 20, blocks(0, 16384, 1))
    server = Tool(suite, "--lun", f"0=file:{path}", medium=medium)
    initiator = Initiator(server)
    medium.rule(WRITE, delay_ms=200, name=os.path.basename(path), offset=1 << 20, length=8 << 20)
    expect(initiator.run(SANITIZE, data=OVERWRITE)[0] == GOOD, "SANITIZE, IMMED")
    expect(initiator.run(read(0, 1), 512)[2] == (2, 4, 0x1b), "it is in progress")
    server.killed()
    expect(generation_of(open(path, "rb").read()[-512:], 16383) == 1, "it was done already")
    server = Tool(suite, "--lun", f"0=file:{path}")
    initiator = Initiator(server)
    got = initiator.run(read(16383, 1), 512)
    expect(got[0] == CHECK and not any(got[1]), "old data can be read:", got[0], got[2])
    cdb = bytearray(SANITIZE)
    cdb[1] &= 0x7f  # without IMMED
    expect(initiator.run(bytes(cdb), data=OVERWRITE)[0] == GOOD, "once more")
    got = initiator.run(read(16383, 1), 512)
    expect(got[0] == GOOD and generation_of(got[1], 16383) != 1, "afterwards:", got[0], got[2])
    server.killed()
    server = Tool(suite, "--lun", f"0=file:{path},shared")
    expect(Initiator(server).run(SANITIZE, data=OVERWRITE)[2] == (5, 0x20, 0), "where nothing is kept it is not offered")


@suite.test("what is written through goes to the file that is served, whatever has its name by now")
def renamed():
    path = image()
    server = Tool(suite, "--lun", f"0=file:{path}")
    initiator = Initiator(server)
    os.rename(path, path + ".old")
    with open(path, "wb") as f:
        f.write(bytes(1 << 20))
    expect(initiator.run(write(3, 1, True), data=block(3, 1))[0] == GOOD, "FUA")
    with open(path, "rb") as new, open(path + ".old", "rb") as old:
        expect(not any(new.read()) and old.read()[3 * BLOCK:4 * BLOCK] == block(3, 1), "it went elsewhere")


# --- made, cut, grown ---

@suite.test("a created file is there, as long as it has to be, after a loss of power; one that was cut off is made whole")
def created():
    medium = Medium(suite, log=True)
    path = suite.path("fresh")
    Tool(suite, "--lun", f"0=file:{path},create=1M", medium=medium).killed()
    ends = [(r[0], r[7]) for r in records(medium.log) if r[1] != r[2]]
    expect(ends[:2] == [(SYNC, path), (SYNC, suite.folder)], ends)
    empty = suite.file("empty", b"")
    expect("it is empty" in refused("--lun", f"0=file:{empty}"), "without create")
    server = Tool(suite, "--lun", f"0=file:{empty},create=1M")
    expect(os.path.getsize(empty) == 1 << 20, "its size")
    server.killed()
    Tool(suite, "--lun", f"0=file:{empty},create=2M")
    expect(os.path.getsize(empty) == 1 << 20, "a file that is there stays as it is")
    for kinds, name in ((SYNC, "third"), (SYNC, suite.folder)):
        medium.rule(kinds, error="EIO", name=name)
        third = suite.path("third")
        said = refused("--lun", f"0=file:{third},create=1M", env=medium.env())
        expect(third in said and not os.path.exists(third), said)


@suite.test("a file that shrinks while it is served fails where it ends, and one that grows is taken over at SIGHUP")
def sizes():
    path = image(4 << 20, blocks(0, 8192, 1))
    server = Tool(suite, "-v", "--lun", f"0=file:{path}")
    initiator = Initiator(server)
    expect(initiator.run(read(8184, 8), 4096)[1] == blocks(8184, 8, 1), "before")
    os.truncate(path, 2 << 20)
    time.sleep(0.05)
    got = initiator.run(read(4090, 12), 12 * BLOCK)
    sense = initiator.sense
    expect(got[0] == CHECK and got[2][0] == MEDIUM_ERROR and struct.unpack(">I", sense[3:7])[0] == 4096, got[0], sense.hex())
    got = initiator.run(lba_status(5000), 24)
    expect(got[0] == GOOD and got[1][20] == 0, "what is not there is not told to be a hole")
    os.truncate(path, (8 << 20) + 100)
    hup(server, "now 8388608 bytes")
    initiator.settle()
    expect(initiator.run(read(16376, 8), 4096)[1] == bytes(4096), "the new end")
    expect(server.alive(), "the target ended")


@suite.test("a limit of file sizes is an error of a write, not the end of the target")
def file_limit():
    path = image(4 << 20)
    process = subprocess.Popen(["sh", "-c", f'ulimit -f 2048; exec "$0" "$@"', str(BIN / "iscsi-target"), "--listen", "127.0.0.1:0",
                                "--target", TARGET, "--lun", f"0=file:{path}"], stdout=subprocess.PIPE, text=True)
    suite.open.callback(process.wait)
    suite.open.callback(process.kill)

    class At:
        port = int(process.stdout.readline().rsplit(":", 1)[1])
    initiator = Initiator(At)
    expect(initiator.run(write(4096, 8), data=blocks(4096, 8, 1))[0] == CHECK, "beyond the limit")
    expect(initiator.run(write(0, 8), data=blocks(0, 8, 1))[0] == GOOD and process.poll() is None, "below it")


# --- holes ---

def status_of(initiator, blocks_total):
    """Each block's provisioning, from the descriptors of GET LBA STATUS."""
    out, at = [], 0
    while at < blocks_total:
        status, data, sense = initiator.run(lba_status(at), 24)
        expect(status == GOOD, status, sense)
        first, count, kind = struct.unpack(">QIB", data[8:21])
        expect(first == at and count > 0, first, count)
        out += [kind & 15] * min(count, blocks_total - at)
        at += count
    return out


@suite.test("no block that holds data is told to be deallocated, whatever the sizes of holes and blocks")
def holes():
    fs = Mounted(suite, options=("-F", "-b", "1024"), size=32 << 20)
    path = os.path.join(fs.folder, "image")
    pieces = ((1024, 1), (9 << 10, 3), (20 << 10, 512), (33 << 10, 7 << 10), (100 << 10, 1), ((256 << 10) - 1, 1), (1 << 19, 64 << 10))
    with open(path, "wb") as f:
        f.truncate(1 << 20)
        for at, size in pieces:
            f.seek(at)
            f.write(b"d" * size)
        f.flush()
        os.fsync(f.fileno())
    for size in (512, 4096):
        server = Tool(suite, "--lun", f"0=file:{path},block={size}")
        told = status_of(Initiator(server), (1 << 20) // size)
        server.killed()
        with open(path, "rb") as f:
            held = [any(f.read(size)) for _ in range((1 << 20) // size)]
        expect(not [n for n, (kind, data) in enumerate(zip(told, held)) if kind == 1 and data], "data in what is told to be a hole")
        expect(told[-1] == 1 and told.count(1) > len(told) / 2, "holes are told:", told.count(1), "of", len(told))


suite.run()
