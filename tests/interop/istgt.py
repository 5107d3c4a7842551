#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our initiator against istgt, the target that FreeBSD's storage systems began with (Debian's istgt)."""
import os
import re
import socket
import subprocess
import time

from harness import BIN, SECRET, TARGET_SECRET, TARGET_USER, USER, Suite, expect, initiator, need, same_bytes

suite = Suite()
NAME = "iqn.2007-09.jp.ne.peach.istgt:disk"
SIZE = 16 << 20
DATA = 3 << 20

CONFIGURATION = """[Global]
  NodeBase "iqn.2007-09.jp.ne.peach.istgt"
  PidFile {folder}/istgt.pid
  AuthFile {folder}/istgt.auth
  MediaDirectory {folder}
  LogFacility "local7"
  Timeout 30
  NopInInterval 20
  DiscoveryAuthMethod Auto
  MaxSessions 16
  MaxConnections 4
  MaxR2T 32
  MaxOutstandingR2T 16
  DefaultTime2Wait 2
  DefaultTime2Retain 60
  FirstBurstLength 262144
  MaxBurstLength 1048576
  MaxRecvDataSegmentLength 262144
  InitialR2T Yes
  ImmediateData Yes
  DataPDUInOrder Yes
  DataSequenceInOrder Yes
  ErrorRecoveryLevel 0
[UnitControl]
  AuthMethod CHAP Mutual
  AuthGroup AuthGroup1
  Portal UC1 127.0.0.1:{control}
  Netmask 127.0.0.1
[PortalGroup1]
  Portal DA1 127.0.0.1:{port}
[InitiatorGroup1]
  InitiatorName "ALL"
  Netmask 127.0.0.0/8
[LogicalUnit1]
  TargetName disk
  Mapping PortalGroup1 InitiatorGroup1
  AuthMethod {method}
  AuthGroup AuthGroup1
  UseDigest Auto
  UnitType Disk
  QueueDepth 32
  LUN0 Storage {folder}/istgt.img Auto
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Istgt:
    def __init__(self, method="Auto"):
        need("istgt")
        self.port = free_port()
        self.url = f"iscsi://127.0.0.1:{self.port}"
        self.unit = f"{self.url}/{NAME}/0"
        self.image = suite.file("istgt.img", b"")
        os.truncate(self.image, SIZE)
        self.auth = suite.file("istgt.auth", f'[AuthGroup1]\n  Auth "{USER}" "{SECRET}" "{TARGET_USER}" "{TARGET_SECRET}"\n')
        os.chmod(self.auth, 0o600)
        words = {"folder": suite.folder, "port": self.port, "control": free_port(), "method": method}
        self.conf = suite.file("istgt.conf", CONFIGURATION.format(**words))
        self.start()
        suite.open.callback(self.stop)

    def start(self):
        with open(suite.path("istgt.log"), "wb") as log:
            self.process = subprocess.Popen(["/usr/sbin/istgt", "-D", "-c", self.conf], stdout=log, stderr=log)
        for _ in range(100):
            expect(self.process.poll() is None, "istgt ended:", open(suite.path("istgt.log"), encoding="utf-8").read()[-1000:])
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        expect(False, "istgt does not listen")

    def stop(self):
        self.process.kill()
        self.process.wait()


def round_trip(unit, *options):
    data, back = suite.random_file("data", DATA), suite.path("back")
    initiator("write", unit, "--lba", 100, "--from", data, *options)
    initiator("read", unit, "--lba", 100, "--blocks", DATA // 512, "--to", back, *options)
    same_bytes(data, back)


@suite.test("discover, luns, inquiry, capacity and pings are answered")
def asks():
    peer = Istgt()
    expect(f"{NAME} 127.0.0.1:{peer.port},1" in initiator("discover", peer.url), "discovery")
    expect("FreeBSD" in initiator("inquiry", peer.unit), "vendor")
    expect(f"bytes: {SIZE}" in initiator("capacity", peer.unit), "capacity")
    expect(f"0 {SIZE} " in initiator("luns", peer.unit), "luns")
    expect("3 pings" in initiator("ping", peer.unit, "--count", 3, "--size", 1000), "pings")


@suite.test("what is written is read, whatever is negotiated")
def negotiations():
    peer = Istgt()
    for offer in (["HeaderDigest=CRC32C", "DataDigest=CRC32C", "ImmediateData=No", "InitialR2T=Yes"],
                  ["InitialR2T=No", "FirstBurstLength=65536", "DataPDUInOrder=No", "DataSequenceInOrder=No"],
                  ["MaxRecvDataSegmentLength=512", "MaxBurstLength=4096", "FirstBurstLength=1024"]):
        round_trip(peer.unit, *[word for pair in offer for word in ("--set", pair)])
    out = initiator("bench", peer.unit, "--op", "mixed", "--size", "64K", "--depth", 32, "--seconds", 1, "--pattern", "random")
    expect(re.search(r'"iops":\s*[1-9]', out), out)


@suite.test("resets of the unit and the target are done")
def resets():
    peer = Istgt()
    for kind in ("--lun", "--target-warm", "--target-cold"):
        initiator("reset", kind, peer.unit)
    round_trip(peer.unit)


@suite.test("CHAP both ways, and refused where either secret is wrong")
def chap():
    peer = Istgt(method="CHAP Mutual")
    _, both = suite.auth_files()
    round_trip(peer.unit, "--auth", both)
    wrong = suite.file("wrong.auth", f"outgoing {USER} another-secret1\nincoming {TARGET_USER} {TARGET_SECRET}\n")
    doubt = suite.file("doubt.auth", f"outgoing {USER} {SECRET}\nincoming {TARGET_USER} another-secret2\n")
    expect("0201" in initiator("capacity", peer.unit, "--auth", wrong, "--retry", 0, ok=(1,)), "his refusal")
    initiator("capacity", peer.unit, "--auth", doubt, "--retry", 0, ok=(1,))


@suite.test("a load goes on when the target is killed and started again")
def restarted():
    peer = Istgt()
    command = (BIN / "iscsi-initiator", "bench", peer.unit, "--op", "write", "--size", "64K", "--depth", 8, "--seconds", 6, "--retry", 30,
               "-v")
    load = subprocess.Popen([str(x) for x in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(3)  # it takes a second before it looks at a connection
    peer.stop()
    peer.start()
    out, _ = load.communicate(timeout=60)
    expect(load.returncode == 0 and re.search(r'"ios":\s*[1-9]', out) and "connecting again" in out, out)


suite.run()
