# SPDX-License-Identifier: MIT
"""A peer of the frame protocol in another language, written from docs/frame-protocol.md alone: both roles, nothing but
Python's standard library, nothing of ours. Strict: what the page forbids raises Broken.
"""
import socket
import struct
import threading

HEADER = struct.Struct(">I I 4s 4s B B H I I 16s 16s I I")
assert HEADER.size == 68
SYNC = int.from_bytes(b"STP1", "big")
READ, WRITE, SENSE, FINAL = 1, 2, 4, 8
GOOD, CHECK_CONDITION, BUSY, TASK_SET_FULL, TASK_ABORTED = 0x00, 0x02, 0x08, 0x28, 0x40
ZEROES = bytes(16)


class Broken(Exception):
    """The other end broke a rule of the page."""


class Ended(Exception):
    """The other end closed the stream at the border of a frame."""


def rule(holds, what):
    if not holds:
        raise Broken(what)


class Frame:
    def __init__(self, event, oid, *, lun=0, status=0, flags=0, rid=0, obuf=ZEROES, rbuf=ZEROES, length=0, data=b""):
        self.event, self.oid, self.lun, self.status, self.flags, self.rid = event, oid, lun, status, flags, rid
        self.obuf, self.rbuf, self.length, self.data = obuf, rbuf, length, data
        self.standing = False  # it came by the standing grant

    def __repr__(self):
        return (f"{self.event.decode()} {self.oid:08x}/{self.rid:08x} lun {self.lun} status {self.status:02x} "
                f"flags {self.flags:04x} length {self.length}")


class Stream:
    """Frames in and out of a socket, with sections 2, 3 and the parts of 4 that need no exchange."""

    def __init__(self, sock, role, standing=0):
        self.sock, self.role, self.standing = sock, role, standing
        self.announced = None  # the NEWC behind which an XFER by the standing grant is due
        self.sent = self.got = 0
        self.events = {"target": (b"NEWC", b"XFER"), "initiator": (b"SNDD", b"XFER", b"CMPT")}[role]
        self.lock = threading.Lock()

    def encode(self, f, **wrong):
        """The header; `wrong` overrides a field, for tests of bad input."""
        v = {"sync": SYNC, "seq": self.sent, "type": b"CMDS", "event": f.event, "lun": f.lun, "status": f.status,
             "flags": f.flags, "oid": f.oid, "rid": f.rid, "obuf": f.obuf, "rbuf": f.rbuf, "length": f.length, "sync2": SYNC}
        v.update(wrong)
        return HEADER.pack(*v.values())

    def send(self, f, **wrong):
        self.send_all([f], **wrong)

    def send_all(self, frames, **wrong):
        """One behind the other, with nothing of another thread's in between."""
        with self.lock:
            raw = []
            for f in frames:
                raw += [self.encode(f, **wrong), f.data]
                self.sent = (self.sent + 1) & 0xffffffff
            self.sock.sendall(b"".join(raw))

    def _exactly(self, n, border):
        parts, left = [], n
        while left:
            part = self.sock.recv(min(left, 1 << 20))
            if not part:
                if border and left == n:
                    raise Ended()
                raise Broken(f"the stream ended with {left} bytes missing")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def receive(self):
        sync, seq, kind, event, lun, status, flags, oid, rid, obuf, rbuf, length, sync2 = HEADER.unpack(self._exactly(68, True))
        rule(sync == SYNC and sync2 == SYNC, f"sync {sync:08x} and {sync2:08x}")
        rule(seq == self.got, f"sequence {seq}, due is {self.got}")
        self.got = (self.got + 1) & 0xffffffff
        rule(kind == b"CMDS", f"type {kind!r}")
        rule(event in self.events, f"event {event!r}")
        f = Frame(event, oid, lun=lun, status=status, flags=flags, rid=rid, obuf=obuf, rbuf=rbuf, length=length)
        self._check_standing(f)
        self._check(f)
        if event == b"XFER":
            f.data = self._exactly(length, False)
        return f

    def _check_standing(self, f):
        due, self.announced = self.announced, None
        if due:
            rule(f.event == b"XFER" and f.rid == 0 and f.rbuf == ZEROES, f"not the XFER by the standing grant: {f}")
            rule((f.oid, f.lun, f.obuf) == (due.oid, due.lun, due.obuf), f"not the exchange of NEWC: {f}")
            rule(f.length == min(due.length, self.standing), f"not the length of the standing grant: {f}")
            rule(bool(f.flags & FINAL) == (f.length == due.length), f"FINAL: {f}")
            f.standing = True
        elif f.event == b"NEWC" and f.flags & WRITE and self.standing:
            self.announced = f

    def _check(self, f):
        target = self.role == "initiator"  # who sent it
        ways = f.flags & (READ | WRITE)
        rule(f.flags < 16 and ways != READ | WRITE, f"flags: {f}")
        rule(f.oid != 0, f"no originator exchange ID: {f}")
        rule(not f.flags & SENSE or f.status == CHECK_CONDITION, f"SENSE without CHECK CONDITION: {f}")
        allowed = {b"NEWC": READ | WRITE, b"SNDD": WRITE, b"CMPT": READ | WRITE | SENSE,
                   b"XFER": READ | FINAL | SENSE if target else WRITE | FINAL}[f.event]
        rule(not f.flags & ~allowed, f"flags of another event: {f}")
        if f.event in (b"SNDD", b"XFER"):
            rule(ways != 0 and f.length > 0 and (f.rid != 0 or f.standing), f"direction, length or responder ID: {f}")
        if f.event == b"NEWC":
            rule((f.length != 0) == (ways != 0) and f.rid == 0, f"length or responder ID: {f}")
        if f.event == b"CMPT":
            rule(ways or f.length == 0, f"length: {f}")
            rule(f.rid or f.status in (BUSY, TASK_SET_FULL), f"no responder ID, and no refusal: {f}")
        else:
            rule(not f.status or (target and f.event == b"XFER" and f.flags & FINAL), f"status: {f}")
        if f.event == b"NEWC" or (target and f.event != b"SNDD" and not f.flags & SENSE):
            rule(f.rbuf == ZEROES, f"responder buffer: {f}")

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


# --- the initiator -------------------------------------------------------------------------------------------------------


class Exchange:
    def __init__(self, oid, cdb, lun, expect, data):
        self.oid, self.lun, self.cdb = oid, lun, bytes(cdb).ljust(16, b"\0")
        self.expect, self.out = expect, data
        self.flags = WRITE if data is not None and len(data) else READ if expect else 0
        self.total = len(data) if self.flags == WRITE else expect
        self.rid, self.granted, self.moved = 0, 0, 0
        self.got = bytearray()
        self.status, self.sense = None, None
        self.done = threading.Event()
        self.frames = []  # events of the target, in order


class Initiator:
    """Any number of exchanges on one connection; a thread reads, the callers write."""

    def __init__(self, host, port, burst=1 << 20, connect_timeout=10, standing=0):
        self.standing = standing
        self.stream = Stream(socket.create_connection((host, port), connect_timeout), "initiator")
        self.stream.sock.settimeout(60)
        self.burst, self.next_id, self.open = burst, 1, {}
        self.failed = None
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def start(self, cdb, lun=0, expect=0, data=None):
        with self.lock:
            x = Exchange(self.next_id, cdb, lun, expect, data)
            self.next_id += 1
            self.open[x.oid] = x
            newc = Frame(b"NEWC", x.oid, lun=lun, flags=x.flags, obuf=x.cdb, length=x.total)
            first = x.out[:self.standing] if x.flags == WRITE else b""
            x.moved = len(first)
            frames = [newc]
            if first:
                frames.append(Frame(b"XFER", x.oid, lun=lun, flags=WRITE | (FINAL if x.moved == x.total else 0), obuf=x.cdb,
                                    length=len(first), data=first))
            self.stream.send_all(frames)
        return x

    def finish(self, x, timeout=30):
        if not x.done.wait(timeout):
            raise Broken(f"no answer within {timeout} s")
        if self.failed and x.status is None:
            raise self.failed
        return x

    def command(self, cdb, lun=0, expect=0, data=None):
        return self.finish(self.start(cdb, lun, expect, data))

    def _read(self):
        try:
            while True:
                self._take(self.stream.receive())
        except (Broken, Ended, OSError) as why:
            self.failed = why
            for x in list(self.open.values()):
                x.done.set()

    def _take(self, f):
        x = self.open.get(f.oid)
        rule(x is not None, f"unknown exchange: {f}")
        rule(f.flags & (READ | WRITE) == x.flags, f"direction: {f}")
        rule(f.lun == x.lun and f.obuf == x.cdb, f"not the LUN or CDB of NEWC: {f}")
        rule(f.rid == x.rid or not x.rid, f"another responder ID: {f}")
        x.rid = f.rid
        x.frames.append(f.event)
        if f.event == b"SNDD":
            rule(x.granted == 0, f"a grant is open: {f}")
            rule(x.moved + f.length <= x.total, f"beyond the expectation: {f}")
            x.granted = f.length
            threading.Thread(target=self._give, args=(x, f), daemon=True).start()
            return
        if f.event == b"XFER":
            rule(len(x.got) + f.length <= x.total, f"beyond the expectation: {f}")
            x.got += f.data
            if not f.flags & FINAL:
                return
        else:
            rule(x.granted == 0, f"a grant is open: {f}")
            moved = x.moved if x.flags == WRITE else len(x.got)
            rule(f.length == (moved if f.rid else 0), f"counts wrong: {f}")
        self._end(x, f)

    def _give(self, x, f):
        left = f.length
        while left:
            n = min(left, self.burst)
            data = x.out[x.moved:x.moved + n]
            left -= n
            x.moved += n
            x.granted = left
            self.stream.send(Frame(b"XFER", x.oid, lun=x.lun, flags=WRITE | (FINAL if x.moved == x.total else 0), rid=x.rid,
                                   obuf=x.cdb, rbuf=f.rbuf, length=n, data=data))

    def _end(self, x, f):
        x.status = f.status
        x.sense = f.rbuf if f.flags & SENSE else None
        del self.open[x.oid]
        x.done.set()

    def close(self):
        self.stream.close()
        self.thread.join(10)


# --- the target ----------------------------------------------------------------------------------------------------------


def fixed_sense(key, asc, ascq=0):
    return bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0])


class Disk:
    """A disk of 512-byte blocks that knows what the initiator tool asks of one."""

    def __init__(self, blocks):
        self.blocks, self.data = blocks, bytearray(blocks * 512)
        self.attention = True
        self.broken_block = None

    def execute(self, lun, cdb, data):
        """(status, sense, bytes to the initiator); data is None while it is not here: then the number of bytes wanted."""
        op = cdb[0]
        if lun != 0 and op not in (0x12, 0xa0):
            return CHECK_CONDITION, fixed_sense(5, 0x25), b""
        if self.attention and op not in (0x12, 0xa0, 0x03):
            self.attention = False
            return CHECK_CONDITION, fixed_sense(6, 0x29), b""
        if op in (0x00, 0x35, 0x91):
            return GOOD, None, b""
        if op == 0x12:
            return self._inquiry(lun, cdb)
        if op == 0xa0:
            return GOOD, None, bytes([0, 0, 0, 8]) + bytes(4) + bytes(8)
        if op == 0x25:
            return GOOD, None, struct.pack(">II", self.blocks - 1, 512)
        if op == 0x9e and cdb[1] & 31 == 0x10:
            return GOOD, None, struct.pack(">QI", self.blocks - 1, 512) + bytes(20)
        if op in (0x28, 0x2a, 0x88, 0x8a, 0xa8, 0xaa):
            return self._move(op, cdb, data)
        return CHECK_CONDITION, fixed_sense(5, 0x20), b""

    def _inquiry(self, lun, cdb):
        if cdb[1] & 1:
            if cdb[2] == 0x00:
                return GOOD, None, bytes([0, 0, 0, 1, 0])
            return CHECK_CONDITION, fixed_sense(5, 0x24), b""
        text = b"PYTHON  " + b"FRAME PEER      " + b"0001"
        return GOOD, None, bytes([0 if lun == 0 else 0x7f, 0, 5, 2, 31, 0, 0, 2]) + text

    def _move(self, op, cdb, data):
        if op in (0x88, 0x8a):
            lba, count = struct.unpack(">QI", cdb[2:14])
        elif op in (0xa8, 0xaa):
            lba, count = struct.unpack(">II", cdb[2:10])
        else:
            lba, count = struct.unpack(">I", cdb[2:6])[0], struct.unpack(">H", cdb[7:9])[0]
        if lba + count > self.blocks:
            return CHECK_CONDITION, fixed_sense(5, 0x21), b""
        if self.broken_block is not None and lba <= self.broken_block < lba + count:
            return CHECK_CONDITION, fixed_sense(3, 0x11), b""
        if op in (0x28, 0x88, 0xa8):
            return GOOD, None, bytes(self.data[lba * 512:(lba + count) * 512])
        if data is None:
            return None, count * 512, b""
        self.data[lba * 512:lba * 512 + len(data)] = data
        return GOOD, None, b""


class Target:
    """One thread a connection. `burst`: largest XFER and SNDD; `behave(frame, stream)` may take over a NEWC (bad input)."""

    def __init__(self, disk, burst=1 << 20, limit=None, behave=None, standing=0):
        self.disk, self.burst, self.limit, self.behave, self.standing = disk, burst, limit, behave, standing
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.problems, self.seen, self.connections = [], [], 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        stream, writes = Stream(sock, "target", self.standing), {}
        self.next_rid = 100
        try:
            while True:
                f = stream.receive()
                self.seen.append((f.event, f.flags, f.length))
                if f.event == b"NEWC":
                    rule(f.oid not in {w["f"].oid for w in writes.values()}, f"originator ID in use: {f}")
                    first = b""
                    if stream.announced:
                        first = stream.receive()
                        self.seen.append((first.event, first.flags, first.length))
                        first = first.data
                    if not (self.behave and self.behave(f, stream)):
                        self._command(stream, f, writes, first)
                else:
                    self._data(stream, f, writes)
        except Ended:
            if writes:
                self.problems.append("the stream ended with writes open")
        except (Broken, OSError) as why:
            self.problems.append(str(why))
        finally:
            stream.close()

    def _answer(self, stream, f, rid, **words):
        ways = words.pop("flags", 0) | (f.flags & (READ | WRITE))
        stream.send(Frame(words.pop("event"), f.oid, lun=f.lun, rid=rid, obuf=f.obuf, flags=ways, **words))

    def _complete(self, stream, f, rid, status, sense, moved=0):
        self._answer(stream, f, rid, event=b"CMPT", status=status, flags=SENSE if sense else 0, rbuf=sense or ZEROES, length=moved)

    def _command(self, stream, f, writes, first):
        if self.limit is not None and len(writes) >= self.limit:
            self._complete(stream, f, 0, TASK_SET_FULL, None)
            return
        self.next_rid += 1
        rid = self.next_rid
        status, sense, data = self.disk.execute(f.lun, f.obuf, None)
        if status is None:
            writes[rid] = {"f": f, "want": min(sense, f.length), "got": bytearray(first), "grant": 0, "handle": ZEROES}
            self._go_on(stream, rid, writes)
            return
        data = data[:f.length]
        if status != GOOD or not data:
            self._complete(stream, f, rid, status, sense, len(first))
            return
        for at in range(0, len(data), self.burst):
            part = data[at:at + self.burst]
            last = at + len(part) == len(data)
            self._answer(stream, f, rid, event=b"XFER", flags=FINAL if last else 0, length=len(part), data=part)

    def _grant(self, stream, rid, writes):
        w = writes[rid]
        w["grant"] = min(w["want"] - len(w["got"]), self.burst)
        w["handle"] = struct.pack(">QQ", rid, len(w["got"]) + 1)
        self._answer(stream, w["f"], rid, event=b"SNDD", rbuf=w["handle"], length=w["grant"])

    def _data(self, stream, f, writes):
        w = writes.get(f.rid)
        rule(w is not None, f"unknown responder ID: {f}")
        first = w["f"]
        rule((f.oid, f.lun, f.obuf) == (first.oid, first.lun, first.obuf), f"not the exchange of NEWC: {f}")
        rule(f.rbuf == w["handle"], f"not the handle of the grant: {f}")
        rule(f.length <= w["grant"], f"beyond the grant: {f}")
        w["got"] += f.data
        w["grant"] -= f.length
        rule(bool(f.flags & FINAL) == (len(w["got"]) == first.length), f"FINAL: {f}")
        if not w["grant"]:
            self._go_on(stream, f.rid, writes)

    def _go_on(self, stream, rid, writes):
        w = writes[rid]
        if len(w["got"]) < w["want"]:
            self._grant(stream, rid, writes)
            return
        status, sense, _ = self.disk.execute(w["f"].lun, w["f"].obuf, bytes(w["got"]))
        del writes[rid]
        self._complete(stream, w["f"], rid, status, sense, len(w["got"]))

    def close(self):
        self.listener.close()
