# SPDX-License-Identifier: MIT
"""A target tool over a medium that fails on demand (medium.c), an initiator with many commands under way, and what a loss of power leaves.

Blocks that tests write carry their address, a generation and a sum, so that each can be judged by itself.
"""
import contextlib
import errno
import mmap
import os
import pathlib
import random
import select
import struct
import subprocess
import time
import zlib

from harness import BIN, TARGET, Server, Skipped, expect, need
from peer import ASYNC, DATA_IN, NO_TAG, NOP_IN, R2T, RESPONSE, TASK_RESPONSE, Closed, OP, Peer, header, pad

READ, WRITE, SYNC, ALLOCATE, RENAME, UNLINK, OPEN, SEEK, CLOSE = (1 << n for n in range(9))
DSYNC = 2  # RWF_DSYNC
BLOCK = 512
GOOD, CHECK, BUSY = 0, 2, 8
MEDIUM_ERROR, DATA_PROTECT, MISCOMPARE = 3, 7, 14


def library(suite):
    """Makes medium.so in the suite's folder, once."""
    made = suite.path("medium.so")
    if not os.path.exists(made):
        need("cc")
        source = pathlib.Path(__file__).with_suffix(".c")
        subprocess.run(["cc", "-O1", "-std=c11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", made, source], check=True)
    return made


class Medium:
    """What stands between a tool and its files."""
    RULE = struct.Struct("<IiQQIIiI64s")

    def __init__(self, suite, log=False):
        self.so, self.control = library(suite), suite.file(f"control-{time.monotonic_ns()}", bytes(4096))
        self.log = suite.path(f"log-{time.monotonic_ns()}") if log else None
        with open(self.control, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 4096)

    def env(self):
        env = dict(os.environ, LD_PRELOAD=self.so, MEDIUM_CONTROL=self.control)
        return dict(env, MEDIUM_LOG=self.log) if self.log else env

    def rule(self, kinds, place=0, error=0, offset=0, length=0, delay_ms=0, most=0, times=-1, name=""):
        """From now on; `error` as a number or a name."""
        error = getattr(errno, error) if isinstance(error, str) else error
        raw = self.RULE.pack(kinds, error, offset, length, delay_ms, most, times, 0, name.encode())
        at = place * self.RULE.size
        self.map[at:at + self.RULE.size] = bytes(4) + raw[4:]
        self.map[at:at + 4] = raw[:4]  # last: it is whole when it is seen

    def clear(self):
        self.map[:] = bytes(4096)

    def hits(self, place=0):
        return self.RULE.unpack_from(self.map, place * self.RULE.size)[7]

    @contextlib.contextmanager
    def ruled(self, *words, **options):
        self.rule(*words, **options)
        try:
            yield
        finally:
            self.clear()


class Tool(Server):
    """A target tool over a medium; `killed` ends it as a crash would."""

    def __init__(self, suite, *options, medium=None, tool="iscsi-target"):
        words = () if tool == "stp-target" else ("--target", TARGET)
        super().__init__(suite, *words, *options, tool=tool, env=medium.env() if medium else None)
        suite.open.callback(self.gone)

    def gone(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    killed = gone


class Initiator(Peer):
    """Commands under way: `answers` has (status, data, sense) of each tag that was answered."""

    def __init__(self, server, target=TARGET, luns=(0,), name="iqn.2026-11.org.example:one", **keys):
        super().__init__(server.port, 20)
        self.buffer, self.open_tags, self.answers, self.others = bytearray(), {}, {}, []
        self.maxcmdsn, self.sense = 1, b""
        granted = self.login(target, name, MaxRecvDataSegmentLength=262144, HeaderDigest="None", DataDigest="None", **keys)
        self.maxcmdsn = struct.unpack(">I", granted.bhs[32:36])[0]
        for lun in luns:
            self.settle(lun)

    def settle(self, lun=0):
        """Takes the unit attentions that wait."""
        for _ in range(8):
            if self.run(bytes(6), lun=lun)[0] == GOOD:
                return

    def room(self):
        return (self.maxcmdsn - self.cmdsn) & 0xffffffff < 0x80000000

    def submit(self, cdb, read=0, data=b"", lun=0):
        itt = self.command(cdb, read or len(data), bool(read), bool(data), data=data[:8192], lun=lun << 48)
        self.open_tags[itt] = [data, bytearray(), lun << 48]
        return itt

    def _asked(self, pdu):
        offset, length = struct.unpack(">II", pdu.bhs[40:48])
        data, _, lun = self.open_tags[pdu.itt]
        for n, at in enumerate(range(offset, offset + length, 8192)):
            part = data[at:min(at + 8192, offset + length)]
            self.data_out(pdu.itt, pdu.ttt, at, part, n, at + len(part) == offset + length, lun)

    def _took(self, pdu):
        task = self.open_tags.get(pdu.itt)
        if pdu.opcode in (RESPONSE, DATA_IN, NOP_IN, TASK_RESPONSE):
            self.maxcmdsn = struct.unpack(">I", pdu.bhs[32:36])[0]
        if pdu.opcode == DATA_IN and task:
            task[1] += pdu.data
        if pdu.opcode == R2T and task:
            self._asked(pdu)
        elif task and (pdu.opcode == RESPONSE or pdu.opcode == DATA_IN and pdu.flags & 1):
            sense = pdu.data[2:] if pdu.opcode == RESPONSE else b""
            self.sense = sense
            self.answers[pdu.itt] = (pdu.status if not pdu.response else 0x100 | pdu.response, bytes(task[1]), key_of(sense))
            del self.open_tags[pdu.itt]
        elif pdu.opcode == NOP_IN and pdu.ttt != NO_TAG:
            self.nop(itt=NO_TAG, ttt=pdu.ttt)
        elif pdu.opcode in (TASK_RESPONSE, ASYNC):
            self.others.append(pdu)

    def send(self, raw):
        with contextlib.suppress(ConnectionError):  # of a target that is gone, what it still said is read first
            super().send(raw)

    def read(self, n):  # what poll() has taken from the socket comes first
        while len(self.buffer) < n:
            more = self.socket.recv(1 << 18)
            if not more:
                raise Closed()
            self.buffer += more
        got = bytes(self.buffer[:n])
        del self.buffer[:n]
        return got

    def _whole(self):
        if len(self.buffer) < 48:
            return False
        length = int.from_bytes(self.buffer[5:8], "big")
        return len(self.buffer) >= 48 + self.buffer[4] * 4 + length + (-length % 4)

    def poll(self, seconds=0.0):
        """Takes what is there; False where the target has closed and all is taken."""
        until = time.monotonic() + seconds
        while True:
            while self._whole():
                self._took(self.receive())
                until = 0
            if not select.select([self.socket], [], [], max(0.0, until - time.monotonic()))[0]:
                return True
            try:
                more = self.socket.recv(1 << 18)
            except ConnectionError:
                more = b""
            if not more:
                return False
            self.buffer += more

    def wait(self, itt, seconds=30):
        until = time.monotonic() + seconds
        while itt not in self.answers:
            expect(time.monotonic() < until, f"no answer to {itt:#x} in {seconds} s")
            if not self.poll(0.05) and itt not in self.answers:
                raise Closed()
        return self.answers.pop(itt)

    def run(self, cdb, read=0, data=b"", lun=0, seconds=30):
        """(status, data, (key, code, qualifier) or None)."""
        return self.wait(self.submit(cdb, read, data, lun), seconds)

    def reset(self, lun=0, function=5):
        """LOGICAL UNIT RESET; answered when `others` has a response to its tag."""
        itt = self.tag()
        words = (NO_TAG, self.cmdsn, self.expstatsn)
        self.send(header(OP["task"], 0x80 | function, True, lun=lun << 48, itt=itt, words=words))
        return itt


def key_of(sense):
    if len(sense) < 14:
        return None
    return (sense[2] & 15, sense[12], sense[13]) if sense[0] & 0x7f < 0x72 else (sense[1] & 15, sense[2], sense[3])


# --- command descriptor blocks ---

def write(lba, blocks, fua=False):
    return struct.pack(">BBQIBB", 0x8a, 8 if fua else 0, lba, blocks, 0, 0)


def read(lba, blocks, fua=False):
    return struct.pack(">BBQIBB", 0x88, 8 if fua else 0, lba, blocks, 0, 0)


def synchronize(lba=0, blocks=0):
    return struct.pack(">BBIBHB", 0x35, 0, lba, 0, blocks, 0)


def write_same(lba, blocks, unmap=False):
    return struct.pack(">BBQIBB", 0x93, 8 if unmap else 0, lba, blocks, 0, 0)


UNMAP = struct.pack(">B6xHB", 0x42, 24, 0)


def unmap_list(lba, blocks):
    return struct.pack(">HHIQII", 22, 16, 0, lba, blocks, 0)


def lba_status(lba, room=8 + 16):
    return struct.pack(">BBQIBB", 0x9e, 0x12, lba, room, 0, 0)


def reserve_out(action, key=0, new=0, kind=0, kept=True):
    """PERSISTENT RESERVE OUT: (cdb, parameters); 0 register, 1 reserve, 3 clear, 6 register and ignore."""
    return struct.pack(">BBBHIB", 0x5f, action, kind, 0, 24, 0), struct.pack(">QQIBBH", key, new, 0, 1 if kept else 0, 0, 0)


RESERVE_KEYS = struct.pack(">BB5xHB", 0x5e, 0, 512, 0)


def keys(initiator, lun=0):
    data = initiator.run(RESERVE_KEYS, read=512, lun=lun)[1]
    return sorted(struct.unpack_from(">Q", data, 8 + 8 * n)[0] for n in range(struct.unpack_from(">I", data, 4)[0] // 8))


# --- blocks that say what they are ---

def block(lba, generation):
    body = struct.pack(">QQ", lba, generation) * 31
    return body + struct.pack(">QII", generation, zlib.crc32(body), 0)


def blocks(lba, count, generation):
    return b"".join(block(n, generation) for n in range(lba, lba + count))


def generation_of(raw, lba):
    """0: zeroes; None: torn, or of another place."""
    if raw == bytes(BLOCK):
        return 0
    generation = struct.unpack_from(">Q", raw, 8)[0]
    return generation if raw == block(lba, generation) else None


# --- loss of power ---

RECORD = struct.Struct("<IIQQQQqIIII")


def records(path):
    """(kind, number, begun, offset, length, result, flags, name, data) of a log; one that was being written is left out."""
    raw, at, out = pathlib.Path(path).read_bytes(), 0, []
    while at + RECORD.size <= len(raw):
        magic, kind, number, begun, offset, length, result, flags, names, datas, _ = RECORD.unpack_from(raw, at)
        expect(magic == 0x4d454449, "the log is torn")
        at += RECORD.size
        if at + names + datas > len(raw):
            break
        out.append((kind, number, begun, offset, length, result, flags, raw[at:at + names].decode(), raw[at + names:at + names + datas]))
        at += names + datas
    return out


def after_power_loss(image, log, chance, kept):
    """`image` (bytes, before the log) as it may be after a loss of power: what a sync covers is there; of everything else each block
    is with the probability `kept`. Writes are taken in the order in which they began."""
    ended = {r[2]: r for r in log if r[1] != r[2]}
    covered = max((r[2] for r in log if r[0] == SYNC and r[1] != r[2] and r[5] == 0), default=-1)
    out = bytearray(image)
    for kind, number, begun, offset, length, _, flags, _, data in log:
        if number != begun or kind not in (WRITE, ALLOCATE):
            continue
        end = ended.get(number)
        moved = 0 if end is None else (max(end[5], 0) if kind == WRITE else length if end[5] == 0 else 0)
        data = data if kind == WRITE else bytes(length)
        stable = end is not None and moved and (end[1] < covered or kind == WRITE and flags & DSYNC)
        if stable:
            out[offset:offset + moved] = data[:moved]
            continue
        for at in range(0, len(data), BLOCK):
            if chance.random() < kept:
                out[offset + at:offset + at + BLOCK] = data[at:at + BLOCK]
    return out


# --- file systems ---

class Mounted:
    """A file system of its own in a file; needs root."""

    def __init__(self, suite, kind="ext4", size=96 << 20, options=()):
        if os.geteuid() != 0:
            raise Skipped("mounting needs root")
        need(f"mkfs.{kind}", "mount", "umount", "fsfreeze")
        self.image, self.folder = suite.path(f"fs-{time.monotonic_ns()}"), suite.path(f"mnt-{time.monotonic_ns()}")
        with open(self.image, "wb") as f:
            f.truncate(size)
        os.mkdir(self.folder)
        subprocess.run([f"mkfs.{kind}", "-q", *options, self.image], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        mount(self.image, self.folder)
        self.frozen = False
        suite.open.callback(self.close)

    def freeze(self):
        subprocess.run(["fsfreeze", "-f", self.folder], check=True)
        self.frozen = True

    def thaw(self):
        if self.frozen:
            subprocess.run(["fsfreeze", "-u", self.folder], check=True)
        self.frozen = False

    def close(self):
        self.thaw()
        if not os.path.ismount(self.folder):
            return
        for _ in range(100):  # the target's threads may still be on their way out of it
            if subprocess.run(["umount", self.folder], stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return
            time.sleep(0.1)
        subprocess.run(["umount", "-l", self.folder], check=False)


def mount(image, folder, *options):
    done = subprocess.run(["mount", "-o", ",".join(("loop", *options)), image, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"no file system can be mounted here: {done.stderr.strip()}")


def chance():
    """Random numbers of a seed that is told, so that a failure can be had again."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"# SEED={seed}", flush=True)
    return random.Random(seed)


__all__ = [name for name in dir() if not name.startswith("_")]
