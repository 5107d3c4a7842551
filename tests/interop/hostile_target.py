#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Targets that do wrong, against our initiator over real sockets: it ends by itself, soon, with exit code 1 and one line that
says why (or goes on where the fault harms nobody), and prints nothing that a terminal or a script could take for something else."""
import re
import struct
import time

from harness import BIN, TARGET, Suite, expect, run
from hostile_target_kit import Target
from peer import ASYNC, LOGOUT_RESPONSE, NO_TAG, OP, TEXT_RESPONSE, Pdu

suite = Suite()


def initiator(*words, port, ok=(1,), path=f"/{TARGET}/0", host="127.0.0.1"):
    out = run(BIN / "iscsi-initiator", *words, "--timeout", 2, "--retry", 1, f"iscsi://{host}:{port}{path}", ok=ok, timeout=60)
    expect("Sanitizer" not in out, out)
    return out


def one_line(out):
    expect(out.count("\n") == 1 and out[:-1].isprintable(), repr(out))
    return out


# --- redirection ---

@suite.test("a redirection is followed to the end, over several steps, and also after a step of IPv6")
def followed():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M")

    def to_server(c, _):
        c.login(0x0101, {"TargetAddress": f"127.0.0.1:{server.port},1"})

    with Target(to_server) as last:
        def to_last(c, _):
            c.login(0x0102, {"TargetAddress": f"127.0.0.1:{last.port}"})

        with Target(to_last) as first:
            out = initiator("capacity", port=first.port, ok=[0])
            expect("2048" in out, out)
    try:
        six = Target(to_server, host="::1")
    except OSError:
        return
    with six:
        def to_six(c, _):
            c.login(0x0101, {"TargetAddress": f"[::1]:{six.port},3"})

        with Target(to_six) as first:
            expect("2048" in initiator("capacity", port=first.port, ok=[0]), "by way of IPv6")


@suite.test("a redirection to itself is given up, as are addresses that are none")
def loops():
    def to_itself(c, _):
        c.login(0x0101, {"TargetAddress": f"127.0.0.1:{here.port},1"})

    with Target(to_itself) as here:
        out = initiator("capacity", port=here.port)
        expect("redirected 8 times" in out, out)
        expect(here.count <= 16, here.count, "connections")
    for bad in ("", "127.0.0.1:0", "127.0.0.1:65536", "[::1", "a b:3260", "127.0.0.1:3260,65536", "x" * 300, "\x1b[2J:3260"):
        def to_bad(c, _, bad=bad):
            c.login(0x0101, {"TargetAddress": bad})

        with Target(to_bad) as here:
            one_line(initiator("capacity", port=here.port))
    with Target(lambda c, _: c.login(0x0101, b"")) as here:
        one_line(initiator("capacity", port=here.port))


@suite.test("every status of a refused login is told by its name")
def statuses():
    for status in (*range(0x0200, 0x020c), 0x02ff, 0x0300, 0x0301, 0x0302, 0x0399, 0x0400, 0xff00):
        with Target(lambda c, _, status=status: c.login(status, b"")) as here:
            out = one_line(initiator("capacity", port=here.port))
            expect(f"{status:04x}" in out or "protocol" in out, f"{status:04x}:", out)


# --- login ---

@suite.test("logins that answer wrongly or not at all end with one line")
def logins():
    keys = b"HeaderDigest=CRC32C\0HeaderDigest=CRC32C\0"
    scripts = {
        "nothing": lambda c, _: c.receive(),
        "a cut header": lambda c, _: (c.receive(), c.send(b"\x23\x87\0\0")),
        "another opcode": lambda c, _: c.answer(0x25, c.receive(), bytes(512)),
        "rubbish": lambda c, _: (c.receive(), c.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)),
        "handle 0": lambda c, _: c.login(tsih=0),
        "a key twice": lambda c, _: c.login(text=keys),
        "a key that was not offered": lambda c, _: c.login(text={"MaxBurstLength": "16777216"}),
        "no equals sign": lambda c, _: c.login(text=b"HeaderDigest\0"),
        "no NUL": lambda c, _: c.login(text=b"HeaderDigest=None"),
        "a stage that was not asked for": lambda c, _: c.login(flags=0x8c),
        "text for ever": lambda c, _: [c.login(text=b"X-fill=" + b"a" * 8000, flags=0x44) for _ in range(4000)],
    }
    for what, script in scripts.items():
        with Target(script) as here:
            out = one_line(initiator("capacity", port=here.port))
            expect("login" in out or "connection" in out or "closed" in out or "protocol" in out, what, out)
            expect(what != "a key twice" or "a key came twice" in out, "no word of the reason:", out)


@suite.test("names and logins of deployed targets are taken as they are")
def field():
    def unanswered(c, _):
        request = c.login(text=b"HeaderDigest=None\0DataDigest=None\0\0\0")
        expect(request.text()["TargetName"] == "iqn.2000-01.com.example:disk_1", request.text())
        ping = c.receive()
        c.answer(0x20, ping)
        c.answer(LOGOUT_RESPONSE, c.receive())
        c.closed()

    with Target(unanswered) as here:
        initiator("ping", "--count", 1, port=here.port, ok=(0,), path="/iqn.2000-01.com.example:Disk_1")


# --- full feature phase ---

def async_message(c, request, event, words=(0, 0, 0)):
    c.answer(ASYNC, Pdu(request.bhs[:16] + b"\xff" * 4 + request.bhs[20:], b""), rest=struct.pack(">BBHHHI", event, 0, *words, 0))


@suite.test("a target that asks for a logout gets one; one that drops the session is believed")
def events():
    seen = []

    def wants_logout(c, _):
        c.login()
        ping = c.receive()
        async_message(c, ping, 1, (0, 0, 5))
        c.answer(0x20, ping)
        request = c.receive()
        seen.append((request.opcode, request.flags & 0x7f))
        c.answer(LOGOUT_RESPONSE, request)
        c.closed()

    with Target(wants_logout) as here:
        initiator("ping", "--count", 3, port=here.port)
    expect(seen and all(s == (OP["logout"], 0) for s in seen), seen)
    for event in (2, 3):
        def drops(c, _, event=event):
            c.login()
            async_message(c, c.receive(), event, (1 if event == 2 else 0, 0, 0))
            c.closed()

        with Target(drops) as here:
            one_line(initiator("ping", port=here.port))


@suite.test("answers that fit nothing end the command with one line and exit code 1")
def answers():
    def bare(opcode, flags=0x80, **options):
        def script(c, _):
            c.login()
            c.answer(opcode, c.receive(), flags=flags, **options)
            c.closed()
        return script

    def foreign(c, _):
        c.login()
        request = c.receive()
        c.answer(0x21, Pdu(request.bhs[:16] + b"\x12\x34\x56\x78" + request.bhs[20:], b""))
        c.closed()

    def skips(c, _):
        c.login()
        request = c.receive()
        c.statsn += 5
        c.answer(0x21, request)
        c.closed()

    def storm(c, _):
        c.login()
        request = c.receive()
        nobody = Pdu(request.bhs[:16] + b"\xff" * 4 + request.bhs[20:], b"")
        for n in range(20000):
            c.answer(0x20, nobody, ttt=n)
            c.statsn -= 1

    scripts = {
        "an answer to another task": foreign, "a status number left out": skips, "twenty thousand pings and no answer": storm,
        "Data-In beyond the buffer": bare(0x25, 0x80, data=bytes(4096), rest=struct.pack(">III", 0, 0x7fffff00, 0)),
        "an R2T for a read": bare(0x31, ttt=5, rest=struct.pack(">III", 0, 0, 512)),
        "an opcode that nobody has": bare(0x2f), "Data-In with an offset that wraps": bare(0x25, data=bytes(512), rest=struct.pack(
            ">III", 0, 0xffffff00, 0)),
        "a Reject of nothing": bare(0x3f, data=bytes(48)), "sense data that is not there": bare(0x21, data=b"\xff\xff"),
    }
    for what, script in scripts.items():
        with Target(script) as here:
            out = initiator("capacity", port=here.port)
            expect(out.count("\n") == 1 and out[:-1].isprintable(), what, repr(out))


def disk(on_read):
    """A disk of 2048 zero blocks; `on_read` is asked before each READ, and answers whether it took it."""
    def script(c, number):
        c.login()
        while True:
            q = c.receive()
            if q.opcode == OP["logout"]:
                c.answer(LOGOUT_RESPONSE, q)
                return
            cdb, edtl = q.bhs[32:48], q.words[0]
            if q.opcode != OP["command"]:
                c.answer(0x22 if q.opcode == OP["task"] else 0x20, q)
            elif cdb[0] in (0x28, 0x88):
                if not on_read(c, q, number):
                    c.answer(0x25, q, bytes(edtl), flags=0x81)
            elif cdb[0] in (0x25, 0x9e):
                data = struct.pack(">II" if cdb[0] == 0x25 else ">QI", 2047, 512).ljust(edtl, b"\0")
                c.answer(0x25, q, data, flags=0x81)
            else:
                c.answer(0x21, q)
    return script


@suite.test("a target that is busy is waited for, one that does not answer is told of")
def busy():
    times = []

    def full(c, q, _):
        times.append(0)
        if len(times) % 12:
            c.answer(0x21, q, status=0x28 if len(times) % 2 else 0x08)
        return len(times) % 12

    def mute(c, q, _):
        return True

    read = ("read", "--lba", 0, "--blocks", 8, "--to", suite.path("out"))
    began = time.monotonic()
    with Target(disk(full)) as here:
        initiator(*read, port=here.port, ok=(0,))
    expect(len(times) == 12 and time.monotonic() - began > 0.2, len(times), "requests in", time.monotonic() - began, "s")
    with Target(disk(mute)) as here:
        out = one_line(initiator(*read, port=here.port))
        expect("did not answer in time (gave up after 2 attempts)" in out, out)


# --- discovery ---

def discovered(data, ok=(0,), pieces=None):
    """What `discover` prints for this answer to SendTargets: (stdout lines without those of stderr, all)."""
    def script(c, _):
        c.login()
        request = c.receive()
        expect(request.opcode == OP["text"], request)
        parts = pieces or [data]
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            c.answer(TEXT_RESPONSE, request, part, flags=0x80 if last else 0x40, ttt=NO_TAG if last else 77 + i)
            if not last:
                request = c.receive()
        request = c.receive()
        c.answer(LOGOUT_RESPONSE, request)
        c.closed()

    with Target(script) as here:
        out = initiator("discover", port=here.port, path="", ok=ok)
    return [line for line in out.split("\n") if line and not line.startswith("iscsi-initiator: ")], out


@suite.test("what a target says of itself is printed only if it is no more than that")
def names():
    good = b"TargetName=iqn.2026-11.org.example:good\0TargetAddress=10.0.0.1:3260,1\0"
    kept = ["iqn.2026-11.org.example:good 10.0.0.1:3260,1"]
    expect(discovered(good)[0] == kept, "plain")
    long = b"iqn.2026-11.org.example:" + b"n" * (223 - 24)
    expect(discovered(b"TargetName=" + long + b"\0" + good)[0] == [long.decode(), *kept], "223 bytes")
    for name in (long + b"n", b"", b"iqn.x\ny", b"iqn.x\ry", b"iqn.\x1b[2J", b"iqn.a b", b"iqn.\x7f", b"iqn.\xc2\x9b2J", b"iqn.\xff",
                 b"iqn.\xc0\xaf", b"iqn.\xed\xa0\x80", b"iqn.\xc2"):
        lines, out = discovered(b"TargetName=" + name + b"\0TargetAddress=10.9.9.9:3260,1\0" + good, ok=(0, 1))
        expect(lines in (kept, []) and "10.9.9.9" not in out, name, "->", out)
        expect(re.fullmatch(r"[\x20-\x7e\n]*", out), name, "->", repr(out))
    expect("%n%s" in discovered(b"TargetName=iqn.%n%s%n\0TargetAddress=10.0.0.1:3260,1\0")[1], "%n is no more than %n")
    for address in (b"", b"10.0.0.1:0", b"10.0.0.1:99999", b"[::1", b"a\nb:3260", b"\x1b]0;x\x07:1", b"x" * 400):
        lines, out = discovered(b"TargetName=iqn.2026-11.org.example:bad\0TargetAddress=" + address + b"\0" + good, ok=(0, 1))
        expect(lines in (["iqn.2026-11.org.example:bad", *kept], []), address, "->", out)
        expect(re.fullmatch(r"[\x20-\x7e\n]*", out), address, "->", repr(out))


@suite.test("addresses without a name and unknown keys of a discovery answer are passed over")
def strays():
    good = b"TargetName=iqn.2026-11.org.example:good\0TargetAddress=10.0.0.1:3260,1\0"
    kept = ["iqn.2026-11.org.example:good 10.0.0.1:3260,1"]
    expect(discovered(b"TargetAddress=10.9.9.9:3260,1\0" + good)[0] == kept, "an address first")
    expect(discovered(b"X-com.example.colour=blue\0" + good)[0] == kept, "a vendor's key")
    expect(discovered(good + b"TargetAlias=disk\0")[0] == kept, "an alias")
    expect(discovered(b"")[0] == [], "nothing")


@suite.test("10,000 targets come through responses of 512 bytes, cut anywhere")
def many():
    text = b"".join(b"TargetName=iqn.2026-11.org.example:%05d\0TargetAddress=10.0.0.1:3260,1\0" % n for n in range(10000))
    pieces = [text[i:i + 509] for i in range(0, len(text), 509)]
    lines, _ = discovered(None, pieces=pieces)
    expect(len(lines) == 10000 and lines[9999] == "iqn.2026-11.org.example:09999 10.0.0.1:3260,1", len(lines), lines[-1:])
    expect(len(set(lines)) == 10000, "some came twice")


suite.run()
