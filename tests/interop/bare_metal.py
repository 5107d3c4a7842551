#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The microcontroller example in qemu, its line on a TCP port. The line has no carrier: an initiator that vanishes leaves a
session, half a PDU or half a login behind, and nobody tells the board. The next login works all the same."""
import os
import socket
import subprocess
import time

from harness import BIN, ROOT, Suite, expect, initiator, need
from peer import Peer

suite = Suite()
NAME = "iqn.2026-11.org.libiscsiproto:bare-metal"


def elf():
    """ELF, or what the example's Makefile makes."""
    given = os.environ.get("ELF")
    if not given:
        given = str(BIN.parent / "bare-metal" / "target.elf")
        subprocess.run(["make", "-s", "-C", str(ROOT / "examples/bare-metal"), f"BUILD={BIN.parent / 'bare-metal'}"], check=True,
                       env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "BUILD")})
    return given


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def board():
    need("qemu-system-arm", "arm-none-eabi-gcc")
    image, port = elf(), free_port()
    log = open(suite.path("qemu.log"), "wb")
    machine = subprocess.Popen(["qemu-system-arm", "-M", "mps2-an385", "-display", "none", "-monitor", "none", "-kernel", image,
                                "-serial", f"tcp:127.0.0.1:{port},server=on,wait=off,nodelay=on"], stdout=log, stderr=log)

    def end():
        machine.kill()
        machine.wait()
        log.close()
    suite.open.callback(end)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return port
        except OSError:
            expect(machine.poll() is None, "qemu ended")
            time.sleep(0.05)
    return port


def served(port, after):
    """One try, and no second one."""
    out = initiator("inquiry", "--retry", 0, "--timeout", 10, f"iscsi://127.0.0.1:{port}/{NAME}/0", ok=None)
    expect("BARE METAL" in out, "after", after, "->", out)


def vanish(port, leave):
    """An initiator that is gone in the middle; qemu's port takes the next one when it has seen that."""
    p = Peer(port)
    try:
        leave(p)
    finally:
        p.close()
    # much more than the board's pauses: where the machine is busy, qemu's clock interrupts come late and are counted once
    time.sleep(4)


def log_in(p):
    p.login(NAME)


def write(p, sent):
    """A WRITE(10) of 8 blocks, cut after so many bytes."""
    log_in(p)
    whole = []
    keep, p.send = p.send, whole.append
    p.command(bytes([0x2a, 0, 0, 0, 0, 0, 0, 0, 8, 0]), 4096, write=True, data=bytes(4096))
    p.send = keep
    p.send(b"".join(whole)[:sent])


@suite.test("an initiator that vanishes from the board costs the next one nothing, wherever it was")
def vanished():
    port = board()
    served(port, "the start")
    login = Peer.__new__(Peer)
    login.cmdsn, login.expstatsn = 1, 0
    first = login.login_request({"InitiatorName": "iqn.2026-11.org.example:gone", "TargetName": NAME, "SessionType": "Normal"}, 0x00)
    cases = {"an idle session": log_in, "half a header": lambda p: write(p, 20), "half of the data": lambda p: write(p, 1000),
             "a session again": log_in, "data without its last byte": lambda p: write(p, 48 + 4095),
             "bytes that are no PDU": lambda p: p.send(b"GET / HTTP/1.0\r\n\r\n" * 20),
             "the beginning of a login": lambda p: p.send(first[:30]), "a login without its end": lambda p: p.send(first)}
    for what, leave in cases.items():
        vanish(port, leave)
        served(port, what)


@suite.test("a login that takes its time between its requests is not taken for another one's")
def slow_login():
    port = board()
    with Peer(port) as p:
        isid = b"\x80\0\0\0\0\x09"
        text = {"InitiatorName": "iqn.2026-11.org.example:slow", "TargetName": NAME, "SessionType": "Normal"}
        flags, keys = 0x81, {**text, "AuthMethod": "None"}
        for _ in range(5):
            p.send(p.login_request(keys, flags, isid))
            pdu = p.receive()
            expect(pdu.bhs[36] == 0, f"refused at {keys}: {pdu.bhs[36]:02x}{pdu.bhs[37]:02x}")
            if pdu.flags & 0x83 == 0x83:
                break
            flags, keys = 0x87, {k: v for k, v in pdu.text().items() if k not in ("TargetPortalGroupTag", "AuthMethod")}
            time.sleep(0.8)
        expect(len(p.read_blocks(0, 8)) == 4096, "READ")
        time.sleep(1)
        expect(len(p.read_blocks(0, 8)) == 4096, "READ after a pause")


@suite.test("the board asks an initiator that is silent, and gives its session up where it has no answer")
def keepalive():
    port = board()
    with Peer(port, 60) as p:
        log_in(p)
        pdu = p.receive()
        expect(pdu.opcode == 0x20 and pdu.ttt != 0xffffffff, "NOP-In, not", pdu)
        p.nop(itt=0xffffffff, ttt=pdu.ttt)
        expect(p.receive().opcode == 0x20, "the next one: that answer counted")
    served(port, "silence")


suite.run()
