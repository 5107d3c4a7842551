#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the disk says of itself, decoded by sg3-utils (Debian's) from the bytes: INQUIRY, vital product data, sense data,
supported operation codes, LBA status."""
import struct

from harness import TARGET, Suite, expect, need, run
from peer import DATA_IN, RESPONSE, Peer

suite = Suite()


def ask(peer, cdb, room):
    """(status, data or sense) of a command that reads; unit attentions are passed over."""
    for _ in range(5):
        itt, data = peer.command(cdb, room, read=True), b""
        while True:
            pdu = peer.receive()
            if pdu.itt != itt:
                continue
            data += pdu.data if pdu.opcode == DATA_IN else b""
            if pdu.opcode == RESPONSE or pdu.flags & 1:
                break
        if pdu.opcode == RESPONSE and pdu.status == 2 and pdu.data[4] & 15 == 6:
            continue
        return (pdu.status, pdu.data[2:]) if pdu.opcode == RESPONSE and pdu.status else (0, data)
    raise AssertionError("unit attentions without end")


def hex_file(data):
    return suite.file("bytes.hex", " ".join(f"{b:02x}" for b in data) + "\n")


def inquiry(peer, page=None):
    cdb = struct.pack(">BBBHB", 0x12, 0 if page is None else 1, page or 0, 4096, 0)
    status, data = ask(peer, cdb, 4096)
    expect(status == 0, "INQUIRY", page, status)
    return data


def unit(options="0=ram:64M,serial=S1234567"):
    server = suite.serve("--target", TARGET, "--lun", options)
    peer = Peer(server.port)
    peer.login(TARGET)
    return peer


@suite.test("standard INQUIRY data")
def standard():
    need("sg_inq")
    out = run("sg_inq", f"--inhex={hex_file(inquiry(unit()))}")
    for words in ("PDT=0", "CmdQue=1", "version=0x06", "LIBISCSI", "VIRTUAL-DISK"):
        expect(words in out.replace(" ", "").replace("[", "").replace("]", "") or words in out, words, "is not in", out)


@suite.test("every vital product data page that is listed")
def pages():
    need("sg_vpd")
    peer = unit()
    listed = inquiry(peer, 0)[4:]
    expect({0x00, 0x80, 0x83, 0x86, 0x87, 0xb0, 0xb1, 0xb2} <= set(listed), listed.hex())
    words = {0x80: "S1234567", 0x83: "NAA", 0xb0: "Maximum compare and write length", 0xb1: "Non-rotating medium",
             0xb2: "Unmap command supported (LBPU): 1"}
    for page in listed:
        data = inquiry(peer, page)
        expect(data[1] == page and int.from_bytes(data[2:4], "big") == len(data) - 4, f"page {page:02x}h has a wrong length")
        out = run("sg_vpd", f"--page=0x{page:02x}", f"--inhex={hex_file(data)}")
        expect(words.get(page, "") in out, f"page {page:02x}h:", out)
        expect("too short" not in out and "malformed" not in out and "truncated" not in out, f"page {page:02x}h:", out)


@suite.test("sense data, fixed and descriptor")
def sense():
    need("sg_decode_sense")
    peer = unit()
    status, data = ask(peer, struct.pack(">BBIBHB", 0x28, 0, 0x7fffffff, 0, 1, 0), 512)
    expect(status == 2, status)
    out = run("sg_decode_sense", *(f"{b:02x}" for b in data))
    expect("Illegal Request" in out and "Logical block address out of range" in out and "Fixed format" in out, out)
    status, data = ask(peer, bytes([0x12, 1, 0x55, 0, 96, 0]), 96)
    out = run("sg_decode_sense", *(f"{b:02x}" for b in data))
    expect("Invalid field in cdb" in out and "byte 2" in out, out)


@suite.test("LBA status")
def lba_status():
    need("sg_get_lba_status")
    status, data = ask(unit(), struct.pack(">BBQIBB", 0x9e, 0x12, 0, 512, 0, 0), 512)
    expect(status == 0, status)
    out = run("sg_get_lba_status", f"--inhex={hex_file(data)}", "--16", ok=None)
    if "unrecognised option" in out or "unrecognized option" in out:
        out = run("sg_get_lba_status", f"--inhex={hex_file(data)}")
    expect("deallocated" in out, out)


suite.run()
