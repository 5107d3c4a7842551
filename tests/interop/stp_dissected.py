#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures of every exchange of the frame protocol, read by tshark with docs/wireshark/stp.lua: every frame is dissected with
its fields, no good frame is marked, and every broken one is."""
import collections
import os
import socket
import struct

from harness import BIN, ROOT, Suite, expect, need, run
from stp_peer import CHECK_CONDITION, FINAL, GOOD, READ, SENSE, WRITE, Frame, Initiator, Stream

suite = Suite()
FIELDS = ["stpi.event", "stpi.sequence", "stpi.lun", "stpi.status", "stpi.flags", "stpi.originator_id", "stpi.responder_id", "stpi.opcode",
          "stpi.length", "stpi.sense.key", "stpi.sense.asc", "stpi.broken", "_ws.malformed", "tcp.dstport", "_ws.col.Protocol"]


def lines_of(path, *words):
    need("tshark")
    out = run("tshark", "-X", f"lua_script:{ROOT}/docs/wireshark/stp.lua", "-r", path, "-o", "tcp.check_checksum:FALSE", *words,
              timeout=120)
    expect("Lua" not in out or "rror" not in out, out[:1000])
    return [x for x in out.splitlines() if not x.startswith("Running as user")]


def frames_of(path, port):
    """One dictionary a frame; a packet may hold several, and fields that not every frame has are left to the packet."""
    frames, packets = [], []
    for line in lines_of(path, "-d", f"tcp.port=={port},stpi", "-Y", "stpi", "-T", "fields", *[w for f in FIELDS for w in ("-e", f)]):
        cells = dict(zip(FIELDS, line.split("\t")))
        expect(not cells["_ws.malformed"], "malformed:", line)
        packets.append(cells)
        columns = {f: cells[f].split(",") for f in FIELDS[:9]}
        for n in range(len(columns["stpi.event"])):
            frames.append({f: columns[f][n] for f in columns} | {"to": int(cells["tcp.dstport"])})
    return frames, packets


def every_exchange(server):
    """Read, write, failed read, short read, refused LUN, no data; small bursts come from the initiator's side."""
    i = Initiator("127.0.0.1", server.port, burst=3000)
    while i.command([0x00]).status != GOOD:
        pass
    ends = [i.command(struct.pack(">BBIBHB", 0x2a, 0, 5, 0, 16, 0), data=os.urandom(8192)).status,
            i.command(struct.pack(">BBIBHB", 0x28, 0, 5, 0, 16, 0), expect=8192).status,
            i.command(struct.pack(">BBIBHB", 0x28, 0, 5, 0, 4, 0), expect=8192).status,
            i.command(struct.pack(">BBIBHB", 0x28, 0, 1 << 24, 0, 1, 0), expect=512).status,
            i.command([0x00], lun=7).status]
    i.close()
    expect(ends == [GOOD, GOOD, GOOD, CHECK_CONDITION, CHECK_CONDITION], ends)


@suite.test("every frame of every exchange is dissected, and none is marked as broken")
def exchanges():
    need("tshark")
    capture = suite.path("exchanges.pcap")
    server = suite.serve("--lun", "0=ram:4M", "--pcap", capture, tool="stp-target")
    every_exchange(server)
    server.stop()
    frames, packets = frames_of(capture, server.port)
    expect(not any(p["stpi.broken"] for p in packets), "marked:", [p for p in packets if p["stpi.broken"]][:3])
    expect(all(p["_ws.col.Protocol"] == "STP" for p in packets), "protocol column")
    counts = collections.Counter(f["stpi.event"] for f in frames)
    expect(set(counts) == {"NEWC", "SNDD", "XFER", "CMPT"}, counts)
    for ours in (True, False):
        numbers = [int(f["stpi.sequence"]) for f in frames if (f["to"] == server.port) == ours]
        expect(numbers == list(range(len(numbers))), "every frame, in order:", numbers)
    to_target = [f for f in frames if f["to"] == server.port]
    written = sum(int(f["stpi.length"]) for f in to_target if f["stpi.event"] == "XFER")
    expect(written == 8192, "bytes written:", written)
    expect(sum(f["stpi.event"] == "XFER" for f in to_target) == 3, "an XFER for each burst of 3000")
    expect({int(f["stpi.opcode"], 0) for f in frames} == {0x00, 0x28, 0x2a}, "operation codes")
    expect(any(p["stpi.sense.asc"] == "0x2100" for p in packets), "sense of the failed read")
    expect(any(p["stpi.sense.asc"] == "0x2500" for p in packets), "sense of the LUN that is not there")


@suite.test("writes with a standing grant are dissected, and none is marked as broken")
def standing():
    capture = suite.path("standing.pcap")
    server = suite.serve("--lun", "0=ram:4M", "--standing-grant", "4K", "--pcap", capture, tool="stp-target")
    i = Initiator("127.0.0.1", server.port, standing=4096)
    while i.command([0x00]).status != GOOD:
        pass
    expect(i.command(struct.pack(">BBIBHB", 0x2a, 0, 5, 0, 16, 0), data=os.urandom(8192)).status == GOOD, "status")
    i.close()
    server.stop()
    frames, packets = frames_of(capture, server.port)
    expect(not any(p["stpi.broken"] for p in packets), "marked:", [p for p in packets if p["stpi.broken"]][:3])
    ids = [int(f["stpi.responder_id"], 0) != 0 for f in frames if f["stpi.event"] == "XFER"]
    expect(ids == [False, True], "responder IDs of the two XFERs:", frames)


@suite.test("the summary names command, length and status")
def summary():
    capture = suite.path("summary.pcap")
    server = suite.serve("--lun", "0=ram:4M", tool="stp-target")
    run(BIN / "stp-initiator", "read", f"stp://{server.address}/0", "--lba", 0, "--blocks", 16, "--to", suite.path("out"), "--pcap",
        capture)
    server.stop()
    text = "\n".join(lines_of(capture))  # the port is not told: the first bytes show what it is
    expect("NEWC lun 0 READ(1" in text and "8192 bytes" in text, text)
    expect("XFER lun 0 READ(1" in text and "GOOD" in text, text)


@suite.test("a transfer that is longer than any packet is put together")
def long_transfer():
    capture = suite.path("long.pcap")
    server = suite.serve("--lun", "0=ram:4M", "--pcap", capture, tool="stp-target")
    data = suite.random_file("data", 3 << 20)
    run(BIN / "stp-initiator", "write", f"stp://{server.address}/0", "--lba", 0, "--from", data)
    server.stop()
    frames, _ = frames_of(capture, server.port)
    moved = sum(int(f["stpi.length"]) for f in frames if f["stpi.event"] == "XFER" and f["to"] == server.port)
    expect(moved == 3 << 20, "bytes in XFERs:", moved)


WRONG_NEWC = [{"sync2": 1}, {"type": b"CMDX"}, {"event": b"XXXX"}, {"flags": 0x10}, {"flags": 3}, {"flags": 0}, {"oid": 0}, {"rid": 9},
              {"length": 0}, {"flags": 8 | READ}, {"flags": 4 | READ}, {"status": 8}, {"rbuf": b"x" * 16}]
WRONG_ANSWERS = [
    (Frame(b"CMPT", 1, rid=1), [{"length": 1}, {"flags": SENSE}, {"flags": SENSE, "status": 8}, {"flags": FINAL}, {"rid": 0},
                                {"rid": 0, "status": 2}, {"rbuf": b"\0" * 15 + b"x"}, {"oid": 0}]),
    (Frame(b"SNDD", 1, rid=1, flags=WRITE, rbuf=b"h" * 16, length=4096),
     [{"rid": 0}, {"flags": READ}, {"flags": WRITE | FINAL}, {"flags": WRITE | SENSE, "status": 2}, {"status": 2}, {"length": 0}]),
    (Frame(b"XFER", 1, rid=1, flags=READ | FINAL, length=8, data=bytes(8)),
     [{"rid": 0}, {"flags": FINAL}, {"flags": READ, "status": 2}, {"flags": READ | FINAL | SENSE}, {"rbuf": b"x" * 16}]),
    (Frame(b"XFER", 1, rid=1, flags=WRITE | FINAL, rbuf=b"h" * 16, length=8, data=bytes(8)),
     [{"status": 2}, {"flags": WRITE | SENSE, "status": 2}, {"rid": 0}]),
]


@suite.test("a NEWC that breaks a rule is marked")
def marked():
    for wrong in WRONG_NEWC:
        capture = suite.path("broken.pcap")
        server = suite.serve("--lun", "0=ram:4M", "--pcap", capture, tool="stp-target")
        stream = Stream(socket.create_connection(("127.0.0.1", server.port)), "initiator")
        stream.send(Frame(b"NEWC", 1, flags=READ, obuf=bytes([0x28]).ljust(16, b"\0"), length=512), **wrong)
        stream.sock.settimeout(5)
        try:
            while stream.sock.recv(4096):
                pass
        except OSError:
            pass
        stream.close()
        server.stop()
        _, packets = frames_of(capture, server.port)
        expect(packets and packets[0]["stpi.broken"], wrong, packets)


def write_capture(path, frames):
    """A capture of one packet for each frame, with headers of Ethernet, IPv4 and TCP."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            tcp = struct.pack(">HHIIBBHHH", 3261, 40000 + number, 1, 1, 5 << 4, 0x18, 65535, 0, 0) + frame
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), number, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
            packet = bytes(12) + b"\x08\0" + ip + tcp
            out.write(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)


@suite.test("every rule of a header by itself is held by the dissector, in frames of the target, too")
def answers():
    encoder = Stream(None, "target")
    for good, wrongs in WRONG_ANSWERS:
        capture = suite.path("answers.pcap")
        write_capture(capture, [encoder.encode(good, **wrong) + good.data for wrong in [{}, *wrongs]])
        _, packets = frames_of(capture, 3261)
        expect(len(packets) == 1 + len(wrongs) and not packets[0]["stpi.broken"], good, packets)
        for wrong, packet in zip(wrongs, packets[1:]):
            expect(packet["stpi.broken"], good, wrong, packet)


suite.run()
