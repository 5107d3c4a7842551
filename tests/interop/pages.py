#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files whose pages are sent from the page cache: every byte is right while pages leave the cache, holes are punched, the file
grows, shrinks and goes, and nobody ever gets bytes that are not the file's."""
import ctypes
import os
import random
import re
import signal
import struct
import subprocess
import threading
import time

from harness import BIN, TARGET, Skipped, Suite, expect, need, run
from peer import DATA_IN, R2T, RESPONSE, Closed, Peer

suite = Suite()
MIB = 1 << 20
BLOCK = 512
LARGE = {"MaxRecvDataSegmentLength": "262144", "MaxBurstLength": "1048576", "FirstBurstLength": "262144"}
MEDIUM_ERROR = 3


def places(name):
    """The file in the folder of the tests (a disk, mostly), and in memory."""
    yield suite.path(name)
    if os.path.isdir("/dev/shm"):
        path = f"/dev/shm/pages-{os.getpid()}-{name}"
        suite.open.callback(lambda: os.path.exists(path) and os.unlink(path))
        yield path


def fill(path, size, seed=1):
    data = random.Random(seed).randbytes(size)
    with open(path, "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    return bytearray(data)


def client(server, kind=Peer, **keys):
    peer = kind(server.port)
    peer.login(TARGET, **dict(LARGE, **keys))
    return peer


def answer(peer, itt, out=b""):
    """(status, sense, data-in) of a command."""
    data = bytearray()
    while True:
        pdu = peer.receive()
        if pdu.itt != itt:
            continue
        if pdu.opcode == R2T:
            at, end = pdu.words[5], pdu.words[5] + pdu.words[6]
            for sn, offset in enumerate(range(at, end, 65536)):
                peer.data_out(itt, pdu.ttt, offset, out[offset:min(end, offset + 65536)], sn, offset + 65536 >= end)
        elif pdu.opcode == DATA_IN:
            offset = pdu.words[5]
            expect(offset == len(data), "data-in out of order")
            data += pdu.data
            if pdu.flags & 1:
                return pdu.status, b"", bytes(data)
        elif pdu.opcode == RESPONSE:
            return pdu.status, pdu.data[2:], bytes(data)


def execute(peer, cdb, room=0, out=b"", lun=0):
    """The same without unit attentions."""
    while True:
        itt = peer.command(cdb, room or len(out), read=room > 0, write=bool(out), data=out[:65536], lun=lun << 48)
        got = answer(peer, itt, out)
        if got[0] != 2 or got[1][2] & 15 != 6:
            return got


def read_cdb(lba, blocks):
    return struct.pack(">BBIBHB", 0x28, 0, lba, 0, blocks, 0)


def read(peer, lba, blocks, lun=0):
    return execute(peer, read_cdb(lba, blocks), blocks * BLOCK, lun=lun)


def write(peer, lba, data):
    got = execute(peer, struct.pack(">BBIBHB", 0x2a, 0, lba, 0, len(data) // BLOCK, 0), out=data)
    expect(got[0] == 0, "WRITE", got[:2])


def unmap(peer, lba, blocks):
    got = execute(peer, struct.pack(">BB4xBHB", 0x42, 0, 0, 24, 0), out=struct.pack(">HH4xQI4x", 22, 16, lba, blocks))
    expect(got[0] == 0, "UNMAP", got[:2])


def same(peer, mirror, lba, blocks):
    status, sense, data = read(peer, lba, blocks)
    expect(status == 0, f"READ of {blocks} blocks at {lba}: status {status}, sense {sense.hex()}")
    want = mirror[lba * BLOCK:(lba + blocks) * BLOCK]
    at = next((i for i in range(len(want)) if data[i] != want[i]), None) if data != want else None
    expect(data == want, f"READ of {blocks} blocks at {lba} differs at byte {at}")


def evict(path, offset=0, length=0):
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    os.posix_fadvise(fd, offset, length, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def page_out(server, path):
    """Makes the kernel take all pages of the file from the target's mapping. False: this kernel cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(434, server.process.pid, 0)
    if pidfd < 0:
        return False
    for line in open(f"/proc/{server.process.pid}/maps"):
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) .*" + re.escape(path) + r"$", line)
        if found:
            start, end = (int(x, 16) for x in found.groups())
            vec = (ctypes.c_size_t * 2)(start, end - start)
            done = libc.syscall(440, pidfd, ctypes.byref(vec), ctypes.c_size_t(1), 21, 0)
            os.close(pidfd)
            return done > 0
    os.close(pidfd)
    return False


@suite.test("cached data needs no call of its own: at depth 32 half a call for each read")
def calls():
    need("strace")
    for path in places("calls"):
        fill(path, 16 * MIB)
        server = suite.serve("--target", TARGET, "--lun", f"0=file:{path}")
        counts = suite.path("strace")
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", counts, "-p", str(server.process.pid)], stderr=subprocess.DEVNULL)
        time.sleep(0.7)
        out = run(BIN / "iscsi-initiator", "bench", f"{server.url}/{TARGET}/0", "--op", "read", "--size", "4K", "--depth", 32,
                  "--seconds", "2")
        tracer.terminate()
        tracer.wait(10)
        text = open(counts).read()
        total = int(re.search(r"^100\.00.*?(\d+)(?:\s+\d+)? total$", text, re.M)[1])
        ios = int(re.search(r'"ios":(\d+)', out)[1])
        expect(ios > 1000 and total / ios < 0.5, f"{path}: {total / ios:.2f} calls for each read:\n{text}")


@suite.test("reads, writes, holes and evictions in turn: every byte is the last one written")
def mixed():
    size = 8 * MIB
    for path in places("mixed"):
        mirror = fill(path, size)
        server = suite.serve("--target", TARGET, "--lun", f"0=file:{path}")
        rng = random.Random(7143)
        with client(server) as peer:
            for turn in range(600):
                blocks = rng.choice([1, 8, 8, 8, 64, 512, 700, 2048])
                lba = rng.randrange(0, size // BLOCK - blocks)
                what = rng.random()
                if what < 0.25:
                    data = rng.randbytes(blocks * BLOCK)
                    write(peer, lba, data)
                    mirror[lba * BLOCK:lba * BLOCK + len(data)] = data
                elif what < 0.35:
                    unmap(peer, lba, blocks)
                    mirror[lba * BLOCK:(lba + blocks) * BLOCK] = bytes(blocks * BLOCK)
                elif what < 0.4:
                    evict(path, lba * BLOCK, blocks * BLOCK)
                elif what < 0.42:
                    page_out(server, path)
                same(peer, mirror, rng.randrange(0, size // BLOCK - blocks), blocks)
                same(peer, mirror, lba, blocks)
            for lba in range(0, size // BLOCK, 2048):
                same(peer, mirror, lba, 2048)
        expect(open(path, "rb").read() == mirror, path, "does not hold what was written")


@suite.test("compare, verify and copy see the cache as well")
def looked_at():
    for path in places("looked"):
        mirror = fill(path, 4 * MIB)
        server = suite.serve("--target", TARGET, "--lun", f"0=file:{path}")
        with client(server) as peer:
            same(peer, mirror, 0, 2048)
            verify = struct.pack(">BBIBHB", 0x2f, 2, 100, 0, 600, 0)
            good = bytes(mirror[100 * BLOCK:700 * BLOCK])
            expect(execute(peer, verify, out=good)[0] == 0, "VERIFY")
            evict(path)
            page_out(server, path)
            expect(execute(peer, verify, out=good)[0] == 0, "VERIFY of what is not in the cache")
            status, sense, _ = execute(peer, verify, out=good[:-1] + bytes([good[-1] ^ 1]))
            expect(status == 2 and sense[2] & 15 == 14, "VERIFY with a wrong byte", status, sense.hex())
            block = good[:BLOCK]
            caw = struct.pack(">BBQ3xBBB", 0x89, 0, 100, 1, 0, 0)
            expect(execute(peer, caw, out=block + bytes(BLOCK))[0] == 0, "COMPARE AND WRITE")
            expect(execute(peer, caw, out=block + bytes(BLOCK))[0] == 2, "COMPARE AND WRITE must miscompare now")
            mirror[100 * BLOCK:101 * BLOCK] = bytes(BLOCK)
            same(peer, mirror, 90, 20)


@suite.test("what somebody cuts off is a medium error, the rest stays readable, and what comes back is seen")
def cut():
    for path in places("cut"):
        mirror = fill(path, 4 * MIB)
        server = suite.serve("--target", TARGET, "--lun", f"0=file:{path}")
        with client(server) as peer:
            for lba in range(0, 8192, 2048):
                same(peer, mirror, lba, 2048)
            os.truncate(path, MIB)
            time.sleep(0.02)
            for lba, blocks in ((4096, 8), (2040, 16), (6144, 2048)):
                status, sense, _ = read(peer, lba, blocks)
                expect(status == 2 and sense[2] & 15 == MEDIUM_ERROR, f"READ at {lba}:", status, sense.hex())
                if lba == 2040:
                    expect(struct.unpack(">I", sense[3:7])[0] == 2048, "information is not the first block lost", sense.hex())
            same(peer, mirror, 0, 2048)
            with open(path, "r+b") as f:
                f.seek(MIB)
                f.write(mirror[MIB:])
            time.sleep(0.02)
            same(peer, mirror, 4096, 2048)
        expect(server.alive(), "the target ended:", server.text())


class Digests(Peer):
    """Reads past the data digest of each PDU of the full feature phase."""
    digests = False

    def receive(self):
        bhs = self.read(48)
        length = int.from_bytes(bhs[5:8], "big")
        data = self.read(length + (-length % 4))[:length]
        if self.digests and length:
            self.read(4)
        return type("Pdu", (), {"opcode": bhs[0] & 0x3f, "data": data, "bhs": bhs, "flags": bhs[1], "status": bhs[3],
                                "itt": struct.unpack(">I", bhs[16:20])[0], "words": struct.unpack(">7I", bhs[20:48]),
                                "text": lambda _: dict(p.split("=", 1) for p in data.decode().split("\0") if "=" in p)})()


def stalled(path):
    """Sixteen reads of 1 MiB are on their way to a peer that does not receive when the file loses all its bytes."""
    mirror = fill(path, 16 * MIB)
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{path}")
    peer = client(server)
    same(peer, mirror, 0, 8)
    tags = {peer.command(read_cdb(lba, 2048), MIB, read=True): lba for lba in range(0, 32768, 2048)}
    time.sleep(0.3)
    os.truncate(path, 0)
    got = dict.fromkeys(tags, 0)
    ended = False
    try:
        while any(n < MIB for n in got.values()):
            pdu = peer.receive()
            expect(pdu.opcode == DATA_IN, f"opcode {pdu.opcode:#x}: the data was in the cache")
            at = tags[pdu.itt] * BLOCK + pdu.words[5]
            expect(pdu.data == mirror[at:at + len(pdu.data)], f"bytes that the file never had, at {at}")
            got[pdu.itt] += len(pdu.data)
    except (Closed, ConnectionError):
        ended = True
    peer.close()
    expect(ended, "all reads went through: the test did not stall them")
    expect(server.alive(), "the target ended:", server.text())
    with open(path, "wb") as f:
        f.write(mirror)
    with client(server) as peer:
        for lba in range(0, 32768, 2048):
            same(peer, mirror, lba, 2048)


@suite.test("reads under way when the file is cut: right bytes, then the end of the connection")
def cut_while_sent():
    for path in places("stalled"):
        stalled(path)


@suite.test("a file that is cut and filled again all the time, read with digests: right bytes, errors, or the end of the connection")
def torn():
    for path in places("torn"):
        mirror = fill(path, MIB)
        server = suite.serve("--target", TARGET, "--lun", f"0=file:{path}")
        stop = threading.Event()

        def tear():
            fd = os.open(path, os.O_RDWR)
            while not stop.is_set():
                os.ftruncate(fd, 0)
                os.pwrite(fd, mirror, 0)
                time.sleep(0.003)
            os.close(fd)

        thread = threading.Thread(target=tear)
        thread.start()
        suite.open.callback(lambda: (stop.set(), thread.join()))  # pylint: disable=cell-var-from-loop
        good = logins = 0
        until = time.monotonic() + 20
        while time.monotonic() < until and (good < 20 or "a mapped file failed to be read" not in server.text()):
            logins += 1
            try:
                with client(server, Digests, DataDigest="CRC32C", HeaderDigest="None", MaxRecvDataSegmentLength="8192") as peer:
                    peer.digests = True
                    for _ in range(50):
                        status, sense, data = read(peer, 0, 2048)
                        if status == 0:
                            good += 1
                            expect(data == mirror, "bytes that the file never had")
                        else:
                            expect(sense[2] & 15 == MEDIUM_ERROR, "sense", sense.hex())
            except (Closed, ConnectionError):
                expect(server.alive(), "the target ended:", server.text())
        expect(good >= 20, "only", good, "reads went through in", logins, "sessions")
        expect("a mapped file failed to be read" in server.text(), "no memory failed in", logins, "sessions")
        stop.set()
        thread.join()


@suite.test("a file that grows and shrinks by SIGHUP while it is read")
def resized():
    for path in places("resized"):
        mirror = fill(path, 2 * MIB)
        server = suite.serve("--target", TARGET, "--lun", f"0=file:{path}")
        stop, faults, count = threading.Event(), [], [0]

        def reader():
            rng = random.Random(5)
            try:
                with client(server) as peer:
                    while not stop.is_set():
                        same(peer, mirror, rng.randrange(0, 2048), 2048)
                        count[0] += 1
            except Exception as why:  # noqa: told by the test
                faults.append(why)

        threads = [threading.Thread(target=reader) for _ in range(2)]
        for t in threads:
            t.start()
        with client(server) as peer:
            for step in range(1, 13):
                more = random.Random(step).randbytes(MIB + 4096 * step)
                with open(path, "ab") as f:
                    f.write(more)
                mirror += more
                server.process.send_signal(signal.SIGHUP)
                for _ in range(100):
                    capacity = execute(peer, bytes([0x25]), 8)
                    if struct.unpack(">I", capacity[2][:4])[0] + 1 == len(mirror) // BLOCK:
                        break
                    time.sleep(0.02)
                else:
                    expect(False, "the new size is not told")
                same(peer, mirror, len(mirror) // BLOCK - 2048, 2048)
            os.truncate(path, 2 * MIB)
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.2)
            status, sense, _ = read(peer, 4096, 8)
            expect(status == 2 and sense[2] & 15 == 5 and sense[12] == 0x21, "READ past the new end", status, sense.hex())
        stop.set()
        for t in threads:
            t.join(30)
        expect(not faults, faults)
        expect(count[0] > 20, "only", count[0], "reads")


@suite.test("a unit that is removed while its pages are being sent")
def removed():
    for path in places("removed"):
        mirror = fill(path, 8 * MIB)
        units = suite.file("units", f"1=file:{path}\n")
        server = suite.serve("--target", TARGET, "--lun", "0=ram:1M", "--lun-file", units)
        peer = client(server)
        for lba in range(0, 16384, 2048):
            expect(read(peer, lba, 2048, lun=1)[2] == mirror[lba * BLOCK:(lba + 2048) * BLOCK], "READ")
        tags = {peer.command(read_cdb(lba, 2048), MIB, read=True, lun=1 << 48): lba for lba in range(0, 16384, 2048)}
        time.sleep(0.2)
        suite.file("units", "# none\n")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        itt = peer.command(bytes(6), 0)
        while True:
            pdu = peer.receive()
            if pdu.itt == itt:
                break
            if pdu.opcode == DATA_IN:
                at = tags[pdu.itt] * BLOCK + pdu.words[5]
                expect(pdu.data == mirror[at:at + len(pdu.data)], f"wrong bytes at {at}")
        for _ in range(50):
            if path not in open(f"/proc/{server.process.pid}/maps").read():
                break
            time.sleep(0.1)
            execute(peer, bytes(6))
        else:
            expect(False, "the file is still mapped")
        status, sense, _ = read(peer, 0, 8, lun=1)
        expect(status == 2 and sense[12] == 0x25, "READ of the unit that is gone", status, sense.hex())
        peer.close()


@suite.test("a sparse file of 3 TiB, read and written at its ends and about 2 TiB")
def huge():
    path = suite.path("huge")
    try:
        with open(path, "wb") as f:
            f.truncate(3 << 40)
    except OSError as why:
        raise Skipped(f"no file of 3 TiB: {why}") from None
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{path}")
    with client(server) as peer:
        expect(execute(peer, bytes([0x25]), 8)[2][:4] == b"\xff\xff\xff\xff", "READ CAPACITY(10)")
        capacity = execute(peer, struct.pack(">BBQIBB", 0x9e, 0x10, 0, 32, 0, 0), 32)[2]
        expect(struct.unpack(">Q", capacity[:8])[0] == (3 << 31) - 1, capacity.hex())
        for turn in range(3):
            for lba in (0, (1 << 32) - 8, (1 << 32) - 1, 1 << 32, (3 << 31) - 16):
                data = random.Random(lba + turn).randbytes(16 * BLOCK)
                cdb = struct.pack(">BQIBB", 0, lba, 16, 0, 0)
                expect(execute(peer, b"\x8a" + cdb, out=data)[0] == 0, "WRITE(16) at", lba)
                expect(execute(peer, b"\x88" + cdb, 16 * BLOCK)[2] == data, "READ(16) at", lba)
        status, sense, _ = execute(peer, struct.pack(">BBQIBB", 0x88, 0, (3 << 31) - 1, 2, 0, 0), 1024)
        expect(status == 2 and sense[12] == 0x21, "READ(16) past the end", status, sense.hex())
    expect(os.stat(path).st_blocks * 512 < MIB, "it is no longer sparse")


@suite.test("a file that the target may only read, and does not own, is not mapped: mincore() would not tell")
def foreign():
    if os.geteuid() != 0:
        raise Skipped("not the superuser")
    path = suite.path("foreign")
    mirror = fill(path, 4 * MIB)
    os.chown(path, 65534, 65534)
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{path},ro")
    expect(path not in open(f"/proc/{server.process.pid}/maps").read(), "it is mapped")
    with client(server) as peer:
        same(peer, mirror, 0, 2048)
    server.stop()  # nobody writes a file that somebody only reads
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{path}")
    expect(path in open(f"/proc/{server.process.pid}/maps").read(), "it is not mapped where it may be written")


suite.run()
