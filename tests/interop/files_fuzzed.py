#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tools' own files, mutated: secrets, units, kept reservations. Whatever is in them, a tool ends at once with 0, 1 or 2 and words
that fit on a screen, or goes on serving; it is never killed by a signal, and a sanitizer (tests/run, sanitize/tools) has nothing to say.

TEST_SECONDS=N (default 6) for each kind of file; TEST_SEED=N for other mutations."""
import os
import pathlib
import random
import signal
import subprocess
import time

from harness import BIN, TARGET, Failed, Suite, expect, initiator

suite = Suite()
SECONDS = float(os.environ.get("TEST_SECONDS", "6"))
RNG = random.Random(int(os.environ.get("TEST_SEED", "1")))
# an address that no machine has: what stands before it on the command line is read, then the target ends
NOWHERE = ("--listen", "192.0.2.1:3260")

SECRETS = [b"# both ways\nincoming user secret-of-12b\nincoming other another-secret1 iqn.2026-11.com.example:a\noutgoing target target-secret-12\n",
           b"incoming user 0x00112233445566778899aabb\r\n\r\n\toutgoing\tt\tsssssssssssss\n"]
UNITS = [b"# units\n0=ram:1M\n1=ram:64K,block=4096,serial=abc,removable\n 7=ram:2M,ro \n", b"255=ram:1G\n0=ram:512\n"]
PIECES = [b"incoming ", b"outgoing ", b"\n", b"\r\n", b"\0", b"#", b"=", b",", b":", b"0x", b"ram:", b"file:", b"/dev/zero", b"/", b",create=", b"99999999999999999999",
          b"18446744073709551615", b"-1", b",ro", b",block=", b",serial=", b"\xff\xfe", b"%s%n", b" " * 300, b"A" * 5000, b"iqn.", b"eui.0011223344556677"]


def mutated(seeds):
    """A seed with a few cuts, repeats, flips and foreign pieces."""
    data = bytearray(RNG.choice(seeds))
    for _ in range(RNG.randrange(1, 6)):
        at = RNG.randrange(len(data) + 1)
        deed = RNG.randrange(5)
        if deed == 0:
            data[at:at] = RNG.choice(PIECES)
        elif deed == 1:
            del data[at:at + RNG.randrange(1, 20)]
        elif deed == 2 and data:
            data[at % len(data)] ^= 1 << RNG.randrange(8)
        elif deed == 3:
            data[at:at] = data[:RNG.randrange(len(data) + 1)]
        else:
            data[at:] = RNG.randbytes(RNG.randrange(200))
    return bytes(data[:20000])


def ends_well(words, content):
    try:
        done = subprocess.run([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=30, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{words} does not end with {content!r}") from None
    text = done.stdout
    expect(done.returncode in (0, 1, 2) and b"Sanitizer" not in text and b"runtime error" not in text,
           f"exit code {done.returncode} with {content!r}: {text[-2000:]}")
    expect(done.returncode == 0 or 0 < len(text) < 8000 and text.count(b"\n") < 12, f"{content!r}: {len(text)} bytes of words: {text[:2000]!r}")
    expect(not any(c < 32 and c not in (9, 10) for c in text), f"{content!r}: control characters in {text[:500]!r}")


def repeated(deed):
    end = time.monotonic() + SECONDS
    count = 0
    while count < 20 or time.monotonic() < end:
        deed()
        count += 1
    print(f"# {count} files", flush=True)


@suite.test("secrets files of both sides")
def secrets():
    def one():
        content = mutated(SECRETS)
        path = suite.file("secrets", content)
        if RNG.random() < 0.5:
            ends_well((BIN / "iscsi-target", *NOWHERE, "--auth", path, "--target", TARGET, "--lun", "0=ram:1M"), content)
        else:
            ends_well((BIN / "iscsi-initiator", "inquiry", "--retry", "0", "--retry-for", "0", "--auth", path, f"iscsi://127.0.0.1:1/{TARGET}/0"),
                      content)

    repeated(one)


@suite.test("a file of units at the start")
def units():
    def one():
        content = mutated(UNITS)
        path = suite.file("units", content)
        ends_well((BIN / "iscsi-target", *NOWHERE, "--target", TARGET, "--lun-file", path), content)

    repeated(one)


@suite.test("a file of units that is read again by a running target, which goes on")
def reload():
    path = suite.file("units", UNITS[0])
    server = suite.serve("--target", TARGET, "--lun-file", path, "--lun", "200=ram:1M")

    def one():
        content = mutated(UNITS)
        # no path of a mutation may be one that exists
        pathlib.Path(path).write_bytes(content.replace(b"file:/", b"file:/nonexistent/"))
        server.process.send_signal(signal.SIGHUP)
        initiator("capacity", f"{server.url}/{TARGET}/200")
        expect(server.alive(), f"ended with {content!r}:", server.text()[-2000:])

    repeated(one)
    expect("Sanitizer" not in server.text() and "runtime error" not in server.text(), server.text()[-3000:])


@suite.test("kept reservations: what is damaged keeps the unit away")
def reservations():
    disk = suite.file("disk", bytes(1 << 20))
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{disk}")
    kept = pathlib.Path(disk + ".pr")
    register_and_keep(server.port)
    expect(kept.exists(), "nothing was kept")
    good = kept.read_bytes()
    server.stop()

    def one():
        content = mutated([good])
        kept.write_bytes(content)
        ends_well((BIN / "iscsi-target", *NOWHERE, "--target", TARGET, "--lun", f"0=file:{disk}"), content)

    repeated(one)


def register_and_keep(port):
    """PERSISTENT RESERVE OUT, REGISTER with APTPL (SPC-4 6.16.3)."""
    import struct

    from peer import Peer, header, RESPONSE
    with Peer(port) as p:
        p.login(TARGET)
        for n in range(2):  # the first meets a unit attention
            data = struct.pack(">QQIBBH", 0, 0x1234, 0, 1, 0, 0)
            cdb = struct.pack(">BBB2xIB", 0x5f, 0, 0, 24, 0).ljust(16, b"\0")
            p.send(header(0x01, flags=0xa1, data_len=24, itt=40 + n, rest=struct.pack(">III", 24, p.cmdsn, p.expstatsn) + cdb) + data)
            p.cmdsn += 1
            while True:
                pdu = p.receive()
                if pdu.opcode == RESPONSE:
                    break
        expect(pdu.status == 0, pdu)


suite.run()
