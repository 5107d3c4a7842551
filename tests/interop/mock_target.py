# SPDX-License-Identifier: MIT
"""A disk in Python behind the target's side of iSCSI (hostile_target_kit.py), that can lose its cache, be busy, tell lies, grow, move
and go away. Written from RFC 7143, SPC and SBC; nothing of ours."""
import struct
import threading
import time

from peer import LOGOUT_RESPONSE, NO_TAG, NOP_IN, OP, RESPONSE, TASK_RESPONSE, TEXT_RESPONSE

BLOCK = 512
GOOD, CHECK_CONDITION, BUSY, TASK_SET_FULL, TASK_ABORTED = 0x00, 0x02, 0x08, 0x28, 0x40
READS, WRITES, FLUSHES, SIZES = (0x28, 0x88), (0x2a, 0x8a), (0x35, 0x91), (0x25, 0x9e)


def sense(key, asc, ascq=0, deferred=False):
    return bytes([0x71 if deferred else 0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0])


UNKNOWN = sense(5, 0x20)


class Disk:
    """A disk with a cache that a flush empties. It is served by hostile_target_kit.Target(disk.script), whatever number of connections come.

    on_command(c, q, cdb): answers it and returns True, or leaves it to the disk. keys: what the login answers otherwise.
    """

    def __init__(self, blocks=4096, on_command=None, keys=None, serial=b"SERIAL 1", login=None):
        self.medium, self.cache = bytearray(blocks * BLOCK), {}
        self.blocks, self.on_command, self.keys, self.serial, self.login = blocks, on_command, keys or {}, serial, login
        self.attentions = []          # sense data to be told, to whoever comes next
        self.seen = []                # operation codes, in order
        self.times = []               # when connections came
        self.lock = threading.Lock()

    def power_cut(self):
        """What was not flushed is gone, and the next command is told so."""
        with self.lock:
            self.cache.clear()
            self.attentions.append(sense(6, 0x29, 0x01))

    def contents(self):
        with self.lock:
            return bytes(self._merged())

    def _merged(self):
        whole = bytearray(self.medium)
        for at, data in self.cache.items():
            whole[at:at + len(data)] = data
        return whole

    def count(self, *opcodes):
        return sum(code in opcodes for code in self.seen)

    def script(self, c, number):
        self.times.append(time.monotonic())
        if self.login:
            if self.login(c, number):
                return
        else:
            c.login(keys={"InitialR2T": "Yes", **self.keys})
        c.writes = {}
        while True:
            q = c.receive()
            if q.opcode == OP["logout"]:
                c.answer(LOGOUT_RESPONSE, q)
                return
            if q.opcode == OP["command"]:
                self.command(c, q)
            elif q.opcode == OP["data_out"]:
                self.data_out(c, q)
            elif q.opcode == OP["nop_out"] and q.itt != NO_TAG:
                c.answer(NOP_IN, q, q.data)
            elif q.opcode == OP["task"]:
                c.answer(TASK_RESPONSE, q)
            elif q.opcode == OP["text"]:
                c.answer(TEXT_RESPONSE, q, b"TargetName=iqn.2026-11.org.example:found\0")

    def command(self, c, q):
        cdb = q.bhs[32:48]
        self.seen.append(cdb[0])
        if self.on_command and self.on_command(c, q, cdb):
            return
        if self.attentions and cdb[0] not in (0x12, 0xa0):
            c.check(q, self.attentions.pop(0))
        elif cdb[0] in WRITES:
            self.write(c, q, cdb)
        elif cdb[0] in READS:
            at = self.offset(cdb)
            with self.lock:
                data = bytes(self._merged()[at:at + q.words[0]])
            c.data_in(q, data)
        elif cdb[0] in FLUSHES:
            with self.lock:
                self.medium[:] = self._merged()
                self.cache.clear()
            c.answer(RESPONSE, q)
        elif cdb[0] == 0x9e:
            c.data_in(q, struct.pack(">QI", self.blocks - 1, BLOCK).ljust(32, b"\0"))
        elif cdb[0] == 0x25:
            c.data_in(q, struct.pack(">II", self.blocks - 1, BLOCK))
        elif cdb[0] == 0x12:
            self.inquiry(c, q, cdb)
        elif cdb[0] == 0xa0:
            c.data_in(q, bytes([0, 0, 0, 8]) + bytes(12))
        else:
            c.check(q, UNKNOWN)

    def inquiry(self, c, q, cdb):
        if not cdb[1] & 1:
            c.data_in(q, bytes([0, 0, 5, 2, 31, 0, 0, 2]) + b"PYTHON  " + b"MOCK DISK       " + b"0001")
        elif cdb[2] == 0x80 and self.serial:
            c.data_in(q, bytes([0, 0x80, 0, len(self.serial)]) + self.serial)
        else:
            c.check(q, sense(5, 0x24))

    @staticmethod
    def offset(cdb):
        return BLOCK * (int.from_bytes(cdb[2:10], "big") if cdb[0] & 0x80 else int.from_bytes(cdb[2:6], "big"))

    def write(self, c, q, cdb):
        buffer = bytearray(q.words[0])
        buffer[:len(q.data)] = q.data
        c.writes[q.itt] = [q, buffer, self.offset(cdb)]
        if len(q.data) == len(buffer):
            self.written(c, q.itt)
        else:
            c.r2t(q, len(q.data), len(buffer) - len(q.data))

    def data_out(self, c, q):
        if q.itt not in c.writes:
            return
        at = struct.unpack(">I", q.bhs[40:44])[0]
        c.writes[q.itt][1][at:at + len(q.data)] = q.data
        if q.flags & 0x80:
            self.written(c, q.itt)

    def written(self, c, itt):
        q, buffer, at = c.writes.pop(itt)
        with self.lock:
            self.cache.pop(at, None)
            self.cache[at] = bytes(buffer)
        c.answer(RESPONSE, q)
