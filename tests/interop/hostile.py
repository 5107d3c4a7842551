#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Initiators that do wrong, over real sockets: after each attack a fresh login and a read work, a well-behaved session that was
there all the time notices nothing, and the target neither grows nor spins nor ends."""
import os
import random
import struct
import time

from harness import TARGET, Suite, expect
from peer import (DATA_IN, LOGIN_RESPONSE, NO_TAG, NOP_IN, R2T, REJECT, RESPONSE, TASK_RESPONSE, TEXT_RESPONSE, Closed, Peer, header,
                  pad)

suite = Suite()
BLOCK = 512


class Watched:
    """A target with a session that has to notice nothing."""

    def __enter__(self):
        self.server = suite.serve("--target", TARGET, "--lun", "0=ram:16M")
        self.witness = Peer(self.server.port)
        self.witness.login(TARGET, name="iqn.2026-11.org.example:witness")
        self.witness.read_blocks()
        self.memory = self.rss()
        return self

    def rss(self):
        with open(f"/proc/{self.server.process.pid}/statm") as f:
            return int(f.read().split()[1]) * 4096

    def peer(self, login=True, **keys):
        p = Peer(self.server.port)
        if login:
            p.login(TARGET, **keys)
        return p

    def well(self):
        expect(self.server.alive(), "the target ended:", self.server.text())
        expect(len(self.witness.read_blocks()) == 8 * BLOCK, "the witness cannot read")
        with self.peer() as fresh:
            expect(len(fresh.read_blocks()) == 8 * BLOCK, "a fresh session cannot read")

    def __exit__(self, kind, *_):
        if kind is None:
            self.well()
            expect(self.rss() < self.memory + (24 << 20), "memory grew from", self.memory, "to", self.rss())
        self.witness.close()


def answered(peer, *opcodes):
    """The next PDU that is not a ping of the target; its opcode must be one of these."""
    while True:
        pdu = peer.receive()
        if pdu.opcode == NOP_IN and pdu.itt == NO_TAG:
            continue
        expect(pdu.opcode in opcodes, pdu)
        return pdu


WRITE = struct.pack(">BBIBHB", 0x2a, 0, 0, 0, 16, 0)
READ = struct.pack(">BBIBHB", 0x28, 0, 0, 0, 8, 0)


@suite.test("garbage and other protocols at the door")
def garbage():
    with Watched() as w:
        rng = random.Random(4)
        for first in (b"GET / HTTP/1.1\r\n\r\n" * 100, bytes(48), b"\xff" * 4096, b"SSH-2.0-x\r\n" + bytes(2000),
                      header(0x01) + bytes(100), header(0x05, data_len=0xffffff) + bytes(5000)):
            with w.peer(login=False) as p:
                p.send(first)
                expect(p.closed(), "still open after", first[:16])
        for _ in range(100):
            with w.peer(login=False) as p:
                p.send(rng.randbytes(rng.randrange(1, 300)))


@suite.test("a login cut at every byte, and one that comes byte by byte")
def cuts():
    with Watched() as w:
        with w.peer(login=False) as p:
            whole = p.login_request({"InitiatorName": "iqn.2026-11.org.example:cut", "TargetName": TARGET})
        for n in range(len(whole)):
            with w.peer(login=False) as p:
                p.send(whole[:n])
        with w.peer(login=False) as p:
            for i in range(len(whole)):
                p.send(whole[i:i + 1])
            expect(p.receive().bhs[36:38] == b"\0\0", "login byte by byte")
            p.cmdsn = 1
            expect(len(p.read_blocks()) == 8 * BLOCK, "read after it")


LOGINS = [
    ("no InitiatorName", dict(text={"TargetName": TARGET}), 0x0207),
    ("unknown target", dict(text={"InitiatorName": "iqn.2026-11.org.example:a", "TargetName": "iqn.2026-11.org.example:none"}), 0x0203),
    ("no such session", dict(text={"InitiatorName": "iqn.2026-11.org.example:a", "TargetName": TARGET}, tsih=0x7777), 0x020a),
    ("version 3 to 5", dict(text={"InitiatorName": "iqn.2026-11.org.example:a", "TargetName": TARGET}, versions=(5, 3)), 0x0205),
    ("T together with C", dict(text={"InitiatorName": "iqn.2026-11.org.example:a", "TargetName": TARGET}, flags=0xc7), 0x0200),
    ("stage 2", dict(text={"InitiatorName": "iqn.2026-11.org.example:a", "TargetName": TARGET}, flags=0x8b), 0x0200),
    ("next stage before the current one", dict(text={"InitiatorName": "iqn.2026-11.org.example:a", "TargetName": TARGET}, flags=0x84), 0x0200),
    ("a key twice", dict(text=b"InitiatorName=iqn.2026-11.org.example:a\0InitiatorName=iqn.2026-11.org.example:b\0"), 0x0200),
    ("no equals sign", dict(text=b"InitiatorName\0"), 0x0200),
    ("a name that is none", dict(text={"InitiatorName": "iqn.%n%n%n bad\n", "TargetName": TARGET}), 0x0200),
]


@suite.test("logins that break a rule get the status that names it")
def statuses():
    with Watched() as w:
        for what, request, status in LOGINS:
            with w.peer(login=False) as p:
                p.send(p.login_request(itt=0x4711, **request))
                pdu = p.receive()
                got = int.from_bytes(pdu.bhs[36:38], "big")
                expect(pdu.opcode == LOGIN_RESPONSE and got == status, f"{what}: status {got:04x}, not {status:04x}")
                expect(pdu.itt == 0x4711, what, "is answered with the tag", hex(pdu.itt))
                expect(p.closed(), what, "left the connection open")


@suite.test("what deployed initiators do against the letter of the RFC does no harm")
def field():
    own = "iqn.2000-01.com.example:disk_1"
    server = suite.serve("--target", own, "--lun", "0=ram:1M", "--lun", "1=ram:1M", "--allow-name", "iqn.1991-05.com.microsoft:my_host")
    expect("is not an iSCSI name" in server.text(), "no warning about", own, "in", server.text())
    with Peer(server.port) as p:
        p.login(own.upper(), name="iqn.1991-05.com.microsoft:My_Host", InitialR2T="Yes", ImmediateData="No")
        p.read_blocks()
        # Windows: a Data-Out with the LUN of another unit, or none
        itt = p.command(WRITE, 8192, write=True)
        r2t = answered(p, R2T)
        p.data_out(itt, r2t.ttt, 0, b"w" * 8192, lun=1 << 48)
        expect(answered(p, RESPONSE).status == 0, "a write whose data has another LUN")
        expect(p.read_blocks(0, 16) == b"w" * 8192, "it is not there")
        # padding counted as text
        p.send(header(0x04, 0x80, data_len=16, itt=p.tag(), words=(NO_TAG, p.cmdsn, p.expstatsn)) + b"SendTargets=\0\0\0\0")
        p.cmdsn += 1
        expect(answered(p, TEXT_RESPONSE).text().get("TargetName") == own, "padded text")
    with Peer(server.port) as p:
        p.send(p.login_request(b"InitiatorName=iqn.1991-05.com.microsoft:my_host\0TargetName=" + own.encode() + b"\0\0\0\0"))
        expect(p.receive().bhs[36:38] == b"\0\0", "padded login")


@suite.test("sessions are joined and reinstated by their own initiator alone")
def reinstatement():
    name, other, isid = "iqn.2026-11.org.example:owner", "iqn.2026-11.org.example:thief", b"\x80\x01\x02\x03\x04\x05"
    text = {"InitiatorName": name, "TargetName": TARGET}

    def login(p, **options):
        p.send(p.login_request(options.pop("text", text), **{"isid": isid, **options}))
        pdu = p.receive()
        if not pdu.bhs[36]:
            p.cmdsn = 1
        return int.from_bytes(pdu.bhs[36:38], "big"), int.from_bytes(pdu.bhs[14:16], "big")

    with Watched() as w:
        first = w.peer(login=False)
        status, tsih = login(first)
        expect(status == 0 and tsih, status, tsih)
        expect(len(first.read_blocks()) == 8 * BLOCK, "read")
        # neither the handle nor handle and ISID make another initiator's session one's own
        for options in ({"text": {**text, "InitiatorName": other}}, {"isid": b"\x80" + bytes(5)},
                        {"text": {**text, "InitiatorName": other}, "isid": b"\x80" + bytes(5)}, {"tsih": tsih + 77}):
            with w.peer(login=False) as p:
                status, _ = login(p, **{"tsih": tsih, **options})
                expect(status == 0x020a, options, f"{status:04x}")
        expect(len(first.read_blocks()) == 8 * BLOCK, "the session was taken away")
        # nor does the same ISID of another initiator end it
        with w.peer(login=False) as p:
            expect(login(p, text={**text, "InitiatorName": other})[0] == 0, "another nexus")
            expect(len(first.read_blocks()) == 8 * BLOCK, "the session was ended")
        # a second connection is one too many, the same one again takes the place of the first, a new session that of all
        with w.peer(login=False) as p:
            status, _ = login(p, tsih=tsih, cid=2)
            expect(status == 0x0206, f"{status:04x}")
        with w.peer(login=False) as second, w.peer(login=False) as third:
            expect(login(second, tsih=tsih) == (0, tsih), "connection reinstatement")
            expect(first.closed(), "the connection before is still there")
            status, fresh = login(third)
            expect(status == 0 and fresh != tsih, "session reinstatement", f"{status:04x}", fresh)
            expect(second.closed(), "the session before is still there")
            expect(len(third.read_blocks()) == 8 * BLOCK, "read after it")


@suite.test("hundreds of half-open logins leave the target well")
def flood():
    with Watched() as w:
        peers = [w.peer(login=False) for _ in range(400)]
        for p in peers:
            p.send(b"\x43")
        w.well()
        for p in peers:
            p.close()


@suite.test("a continuation that never ends is cut off")
def endless():
    with Watched() as w, w.peer(login=False) as p:
        try:
            for _ in range(2000):
                p.send(p.login_request(b"X-filler=" + b"a" * 4000 + b"\0", flags=0x44))
                p.receive()
            raise AssertionError("2000 continued logins were taken")
        except (Closed, ConnectionError):
            pass


@suite.test("all 64 opcodes with every flag byte: Reject, an answer, or the end of that connection")
def opcodes():
    with Watched() as w:
        rng = random.Random(64)
        for opcode in range(128):
            for flags in (0x00, 0x80, 0xff, 0x21):
                with w.peer() as p:
                    p.send(header(opcode, flags, itt=rng.randrange(1 << 32), lun=rng.randrange(1 << 64), rest=rng.randbytes(28)))
                    p.socket.settimeout(0.02)
                    try:
                        p.receive()
                    except (Closed, TimeoutError, ConnectionError):
                        pass


@suite.test("data segment lengths: on PDUs that have none, above the limit, and the largest")
def lengths():
    with Watched() as w:
        for opcode in (0x02, 0x06, 0x10):
            with w.peer() as p:
                p.send(header(opcode, 0x81, data_len=8, itt=5, words=(NO_TAG, 1, 0)) + bytes(8))
                answered(p, REJECT)
                expect(p.closed(), "a protocol error ends the connection (RFC 7143 7.9)")
        for size in (262145, 0xffffff):
            with w.peer() as p:
                p.send(header(0x00, 0x80, True, data_len=size, itt=5, words=(NO_TAG, 1, 0)) + bytes(4096))
                expect(p.closed(), "still open after", size)


@suite.test("additional headers that lie")
def ahs():
    with Watched() as w:
        for total in (struct.pack(">HBB", 0, 1, 0), struct.pack(">HBB", 0xffff, 1, 0), struct.pack(">HBB", 4, 9, 0) + bytes(4),
                      (struct.pack(">HBB", 5, 2, 0) + bytes(4)) * 2, struct.pack(">HBB", 40, 1, 0) + bytes(4)):
            with w.peer() as p:
                p.command(READ, 4096, read=True, ahs=total)
                p.socket.settimeout(1)
                try:
                    pdu = p.receive()
                    expect(pdu.opcode in (REJECT, RESPONSE, DATA_IN), pdu)
                except (Closed, TimeoutError):
                    pass


@suite.test("Data-Out where it does not belong")
def data_out():
    with Watched() as w:
        for wrong in range(9):
            with w.peer(InitialR2T="Yes", ImmediateData="No", MaxBurstLength="8192") as p:
                p.read_blocks()
                itt = p.command(WRITE, 8192, write=True)
                r2t = answered(p, R2T)
                args = dict(itt=itt, ttt=r2t.ttt, offset=0, data=b"x" * 4096, datasn=0, final=False)
                change = [dict(itt=itt + 77), dict(ttt=r2t.ttt ^ 0x10), dict(ttt=r2t.ttt ^ 0x80000000), dict(offset=8192),
                          dict(offset=0xfffffe00), dict(data=b"x" * 8196), dict(datasn=3), dict(final=True), dict(offset=4096)][wrong]
                p.data_out(**{**args, **change})
                p.socket.settimeout(1)
                try:
                    pdu = p.receive()
                    expect(pdu.opcode in (REJECT, RESPONSE, R2T), wrong, pdu)
                except (Closed, TimeoutError):
                    pass


@suite.test("immediate data beyond every limit")
def immediate():
    with Watched() as w:
        cases = [dict(ImmediateData="No", data=512, edtl=8192), dict(FirstBurstLength="1024", data=4096, edtl=8192),
                 dict(data=8192, edtl=512)]
        for case in cases:
            size, edtl = case.pop("data"), case.pop("edtl")
            with w.peer(**case) as p:
                p.read_blocks()
                p.command(WRITE, edtl, write=True, data=b"y" * size)
                p.socket.settimeout(2)
                try:
                    pdu = answered(p, REJECT, RESPONSE, R2T)
                    expect(pdu.opcode == REJECT or pdu.opcode == R2T or pdu.status != 0, "taken as if it were right:", pdu)
                except Closed:
                    pass


@suite.test("commands outside the window and duplicates are ignored, gaps wait without memory")
def window():
    with Watched() as w, w.peer() as p:
        p.read_blocks()
        good = p.cmdsn
        for number in (good - 1, good + 100000, good + (1 << 31), good - 5):
            p.command(READ, 4096, read=True, cmdsn=number & 0xffffffff)
        p.command(READ, 4096, read=True, cmdsn=good + 1)
        p.socket.settimeout(0.3)
        try:
            raise AssertionError(f"answered: {p.receive()}")
        except TimeoutError:
            pass
        p.socket.settimeout(10)
        p.command(READ, 4096, read=True)
        p.cmdsn += 1
        for _ in range(2):
            answered(p, DATA_IN, RESPONSE)
        p.read_blocks()


@suite.test("pings: large, many, and never read")
def pings():
    with Watched() as w:
        with w.peer() as p:
            for size in (0, 1, 3, 512, 8192, 262144):
                data = os.urandom(size)
                p.nop(data)
                pdu = answered(p, NOP_IN)
                expect(data.startswith(pdu.data) and len(pdu.data) >= min(size, 512), "echo of", size, "is", len(pdu.data))
            for _ in range(2000):
                p.send(header(0x00, 0x80, True, itt=NO_TAG, words=(NO_TAG, p.cmdsn, p.expstatsn)))
            expect(len(p.read_blocks()) == 8 * BLOCK, "after 2000 one-way pings")
        with w.peer() as p:
            p.socket.settimeout(1)
            try:
                for i in range(20000):
                    p.nop(b"z" * 512, itt=i)
            except (TimeoutError, ConnectionError):
                pass
            w.well()


@suite.test("reads that are never fetched hold only that session")
def slow_reader():
    with Watched() as w, w.peer() as p:
        for _ in range(64):
            p.command(struct.pack(">BBIBHB", 0x28, 0, 0, 0, 2048, 0), 1 << 20, read=True)
        start = time.monotonic()
        for _ in range(20):
            w.well()
        expect(time.monotonic() - start < 10, "others wait")


@suite.test("task management of everything, also of itself and of nothing")
def task_management():
    with Watched() as w:
        # 7 is TARGET COLD RESET, which ends the sessions of all, as it must (identity.py)
        for function in [f for f in range(14) if f != 7] + [127]:
            with w.peer() as p:
                p.read_blocks()
                itt = p.tag()
                ref = itt if function == 1 else 0x1234
                p.send(header(0x02, 0x80 | function, True, itt=itt, words=(ref, p.cmdsn, p.expstatsn, p.cmdsn)))
                try:
                    answered(p, TASK_RESPONSE, REJECT, 0x32)
                except Closed:
                    expect(function in (7, 11), "closed after function", function)


@suite.test("a task that waits for data is aborted, and that is what the answer says")
def aborts():
    with Watched() as w, w.peer(InitialR2T="Yes", ImmediateData="No") as p:
        p.read_blocks()
        tasks = [p.command(WRITE, 8192, write=True) for _ in range(8)]
        for _ in tasks:
            answered(p, R2T)
        p.send(b"".join(header(0x02, 0x81, True, itt=0x500 + i, words=(itt, p.cmdsn, p.expstatsn, p.cmdsn - 8 + i))
                        for i, itt in enumerate(tasks)))
        for _ in tasks:
            pdu = answered(p, TASK_RESPONSE)
            expect(pdu.response == 0, "response", pdu.response)


@suite.test("a reset whose R2Ts stay open, as Linux leaves them, is answered in five seconds and costs nothing else")
def open_r2ts():
    with Watched() as w, w.peer(InitialR2T="Yes", ImmediateData="No") as p:
        p.read_blocks()
        itt = p.command(WRITE, 8192, write=True)
        r2t = answered(p, R2T)
        began = time.monotonic()
        p.send(header(0x02, 0x85, True, itt=0x500, words=(NO_TAG, p.cmdsn, p.expstatsn)))
        expect(answered(p, TASK_RESPONSE).response == 0, "the reset failed")
        expect(4 < time.monotonic() - began < 8, "after", time.monotonic() - began, "s")
        p.data_out(itt, r2t.ttt, 0, b"l" * 8192)
        expect(p.read_blocks() != b"l" * 4096, "what came too late was written")


@suite.test("text requests: unknown keys, wrong tags, SendTargets in a normal session")
def text():
    with Watched() as w, w.peer() as p:
        def request(data, ttt=NO_TAG, flags=0x80):
            p.send(header(0x04, flags, True, data_len=len(data), itt=p.tag(), words=(ttt, p.cmdsn, p.expstatsn)) + pad(data))
        request(b"X-org.example.nonsense=1\0")
        expect("NotUnderstood" in answered(p, TEXT_RESPONSE).data.decode(), "unknown key")
        request(b"SendTargets=\0")
        expect(TARGET in answered(p, TEXT_RESPONSE).data.decode(), "SendTargets=")
        request(b"SendTargets=All\0", ttt=0x4711)
        answered(p, REJECT, TEXT_RESPONSE)
        expect(len(p.read_blocks()) == 8 * BLOCK, "read after it")


@suite.test("SNACK at recovery level 0 and logouts of every reason")
def snack_and_logout():
    with Watched() as w:
        with w.peer() as p:
            p.send(header(0x10, 0x80, itt=NO_TAG, words=(NO_TAG, 0, p.expstatsn, 0, 1, 0)))
            try:
                answered(p, REJECT)
            except Closed:
                pass
        for reason in (0, 1, 2, 3, 127):
            with w.peer() as p:
                p.send(header(0x06, 0x80 | reason, True, itt=p.tag(), words=(0x00010000, p.cmdsn, p.expstatsn)))
                answered(p, 0x26, REJECT)


@suite.test("sessions that begin and vanish in every state leave nothing behind")
def vanish():
    with Watched() as w:
        for i in range(200):
            p = w.peer()
            if i % 4 == 1:
                p.command(READ, 4096, read=True)
            elif i % 4 == 2:
                p.command(WRITE, 8192, write=True, final=True)
            elif i % 4 == 3:
                p.command(WRITE, 8192, write=True, final=False, data=b"q" * 100)
            p.close()


suite.run()
