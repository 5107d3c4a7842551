#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the disk says of itself, decoded by sg3-utils (Debian's) from the bytes: INQUIRY, vital product data, sense data,
LBA status, log pages; and what initiators ask for when they attach a disk, as their drivers send it."""
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
    for words in ("PDT=0", "CmdQue=1", "version=0x06", "ISCSIPRO", "VIRTUAL-DISK"):
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


@suite.test("every log page that is listed")
def log_pages():
    need("sg_logs")
    peer = unit()
    listed = ask(peer, struct.pack(">BBBBBHHB", 0x4d, 0, 0x40, 0, 0, 0, 1024, 0), 1024)[1][4:]
    words = {0x00: "Supported log pages", 0x0c: "Available LBA mapping", 0x0d: "Current temperature", 0x2f: "Informational exceptions"}
    expect(set(words) == set(listed), listed.hex())
    for page, word in words.items():
        status, data = ask(peer, struct.pack(">BBBBBHHB", 0x4d, 0, 0x40 | page, 0, 0, 0, 1024, 0), 1024)
        expect(status == 0 and data[0] & 0x3f == page and int.from_bytes(data[2:4], "big") == len(data) - 4, page, data.hex())
        out = run("sg_logs", f"--in={hex_file(data)}")
        expect(word.lower() in out.lower(), f"page {page:02x}h:", out)


# --- attaching -------------------------------------------------------------------------------------------------


def good(peer, cdb, room):
    status, data = ask(peer, bytes.fromhex(cdb), room)
    expect(status == 0, f"{cdb}: status {status}, {data.hex()}")
    expect(len(data) <= room, cdb, "more than there is room for")
    return data


def refused(peer, cdb, room, asc):
    status, sense = ask(peer, bytes.fromhex(cdb), room)
    expect(status == 2 and sense[2] & 15 == 5 and sense[12] == asc, f"{cdb}: status {status}, {sense.hex()}")


def be(data, at, size):
    return int.from_bytes(data[at:at + size], "big")


@suite.test("what Linux asks: scsi_scan, sd")
def linux():
    peer = unit("0=ram:64M,serial=S1234567")
    first = good(peer, "12 00 00 00 24 00", 36)
    expect(len(first) == 36 and first[0] == 0 and first[2] >= 6 and first[3] & 15 == 2 and first[7] & 2, first.hex())
    expect(len(good(peer, f"12 00 00 00 {first[4] + 5:02x} 00", first[4] + 5)) == first[4] + 5, "the length that it tells")
    luns = good(peer, "a0 00 00 00 00 00 00 00 10 00 00 00", 4096)
    expect(be(luns, 0, 4) == 8 and luns[8:16] == bytes(8), luns.hex())
    capacity = good(peer, "9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", 32)
    expect(be(capacity, 0, 8) == 131071 and be(capacity, 8, 4) == 512 and capacity[12] & 1 == 0, capacity.hex())
    expect(capacity[13] & 15 == 3 and capacity[14] & 0xc0 == 0xc0, "physical blocks, LBPME and LBPRZ", capacity.hex())
    expect(be(good(peer, "25 00 00 00 00 00 00 00 00 00", 8), 0, 4) == 131071, "READ CAPACITY(10)")
    head = good(peer, "1a 00 3f 00 04 00", 4)
    expect(head[2] & 0x90 == 0x10 and head[3] == 8, "not write-protected, DPOFUA, one block descriptor", head.hex())
    caching = good(peer, "1a 00 08 00 c0 00", 192)
    page = caching[4 + caching[3]:]
    expect(page[0] & 0x3f == 8 and page[1] == 18, "the caching page", caching.hex())
    limits = good(peer, "12 01 b0 00 40 00", 64)
    expect(be(limits, 2, 2) == 60 and be(limits, 20, 4) > 0 and be(limits, 24, 4) > 0, "UNMAP limits", limits.hex())
    thin = good(peer, "12 01 b2 00 08 00", 8)
    expect(thin[5] & 0x80 and thin[5] & 0x40, "LBPU and LBPWS", thin.hex())
    expect(be(good(peer, "12 01 b1 00 40 00", 64), 4, 2) == 1, "no rotation")
    for opcode, last in (("93", 16), ("41", 10), ("42", 10), ("89", 16)):
        code = good(peer, f"a3 0c 01 {opcode} 00 00 00 00 02 00 00 00", 512)
        expect(code[1] & 7 == 3 and be(code, 2, 2) == last and code[4] == int(opcode, 16), opcode, code.hex())
    expect(good(peer, "a3 0c 01 85 00 00 00 00 02 00 00 00", 512)[1] & 7 == 1, "ATA PASS-THROUGH is not supported, and said to be so")
    refused(peer, "85 08 0e 00 00 00 01 00 00 00 00 00 00 00 ec 00", 512, 0x20)
    refused(peer, "12 01 b9 00 40 00", 64, 0x24)


@suite.test("what multipath asks: port groups, keys")
def multipath():
    peer = unit()
    expect(good(peer, "12 00 00 00 60 00", 96)[5] & 0x30, "TPGS")
    plain = good(peer, "a3 0a 00 00 00 00 00 00 00 ff 00 00", 255)
    extended = good(peer, "a3 2a 00 00 00 00 00 00 00 ff 00 00", 255)
    expect(be(plain, 0, 4) == len(plain) - 4 and be(extended, 0, 4) == len(extended) - 4 and extended[4] == 0x10, extended.hex())
    expect(plain[4:] == extended[8:], "both forms tell the same", plain.hex(), extended.hex())
    group = plain[4:]
    expect(group[0] & 15 == 0 and group[7] >= 1 and len(group) == 8 + 4 * group[7], "active/optimized", group.hex())
    # the group and the port that page 83h names are in that list
    page, at, found = good(peer, "12 01 83 00 ff 00", 255), 4, {}
    while at < len(page):
        found.setdefault((page[at + 1] >> 4 & 3, page[at + 1] & 15), page[at + 4:at + 4 + page[at + 3]])
        at += 4 + page[at + 3]
    expect((0, 3) in found and len(found[0, 3]) in (8, 16), "an NAA designator of the unit", found)
    expect(be(found[1, 5], 2, 2) == be(group, 2, 2) and be(found[1, 4], 2, 2) == be(group, 10, 2), "port and group", found)
    expect(be(good(peer, "5e 00 00 00 00 00 00 20 00 00", 8192), 4, 4) == 0, "no keys")
    can = good(peer, "5e 02 00 00 00 00 00 20 00 00", 8192)
    expect(be(can, 0, 2) == 8 and can[3] & 0x80 and be(can, 4, 2) & 0xea01 == 0xea01, "all types", can.hex())


@suite.test("what Windows asks: MPIO, cluster validation")
def windows():
    peer = unit()
    key, other = bytes(7) + b"k", bytes(7) + b"o"

    def out(action, kind, mine, new, ok=0):
        for _ in range(3):
            itt = peer.command(struct.pack(">BBB2xIB", 0x5f, action, kind, 24, 0), 24, write=True, data=mine + new + bytes(8))
            pdu = peer.receive()
            while pdu.itt != itt:
                pdu = peer.receive()
            if pdu.status != 2 or pdu.data[4] & 15 != 6:
                break
        expect(pdu.status == ok, "PERSISTENT RESERVE OUT", action, pdu.status)

    expect(good(peer, "1a 00 3f 00 c0 00", 192)[0] > 3 and good(peer, "1a 00 1c 00 c0 00", 192), "MODE SENSE")
    out(6, 0, bytes(8), key)
    expect(good(peer, "5e 00 00 00 00 00 00 01 00 00", 256)[8:] == key, "READ KEYS")
    out(1, 5, key, bytes(8))
    held = good(peer, "5e 01 00 00 00 00 00 01 00 00", 256)
    expect(be(held, 4, 4) == 16 and held[8:16] == key and held[21] == 5, held.hex())
    out(1, 6, key, bytes(8), 0x18)
    out(4, 5, other, bytes(8), 0x18)
    out(2, 5, key, bytes(8))
    expect(be(good(peer, "5e 01 00 00 00 00 00 01 00 00", 256), 4, 4) == 0, "released")
    out(3, 0, key, bytes(8))
    expect(be(good(peer, "5e 00 00 00 00 00 00 01 00 00", 256), 4, 4) == 0, "cleared")
    for page in ("0c", "0d", "2f"):
        good(peer, f"4d 00 {0x40 | int(page, 16):02x} 00 00 00 00 00 ff 00", 255)
    status = good(peer, "9e 12 00 00 00 00 00 00 00 00 00 00 00 18 00 00", 24)
    expect(be(status, 8, 8) == 0 and be(status, 16, 4) > 0 and status[20] & 15 == 1, status.hex())


@suite.test("what ESXi asks: ATS, XCOPY, zeroing, space")
def esxi():
    peer = unit()
    limits = good(peer, "12 01 b0 00 ff 00", 255)
    expect(limits[5] >= 1 and be(limits, 36, 8) == 0, "COMPARE AND WRITE; WRITE SAME without a limit", limits.hex())
    expect(good(peer, "12 00 00 00 60 00", 96)[5] & 8, "3PC")
    can = good(peer, "84 03 00 00 00 00 00 00 00 00 00 00 02 00 00 00", 512)
    expect(be(can, 0, 4) == len(can) - 4 and be(can, 8, 2) >= 2 and be(can, 10, 2) >= 1, "CSCD and segment descriptors", can.hex())
    expect(be(can, 16, 4) >= 4 << 20 and {0x02, 0xe4} <= set(can[44:44 + can[43]]), "4 MiB a segment, block to block", can.hex())
    for cdb in ("16 00 00 00 00 00", "17 00 00 00 00 00", "56 00 00 00 00 00 00 00 00 00", "57 00 00 00 00 00 00 00 00 00"):
        expect(ask(peer, bytes.fromhex(cdb), 0)[0] == 0, cdb)
    refused(peer, "12 01 c0 00 ff 00", 255, 0x24)


suite.run()
