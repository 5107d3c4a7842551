#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Linux kernel as a peer: its initiator with our target, its target (LIO) with our initiator."""
import hashlib
import os
import re
import signal
import time

from harness import SECRET, TARGET, TARGET_SECRET, TARGET_USER, USER, Failed, Skipped, Suite, expect, initiator, same_bytes
from linux_vm import GUEST, HOST, LIO_NAME, Vm

suite = Suite()
MIB = 1 << 20
machine = {}


def vm():
    """One machine for all tests, begun by the first that needs it."""
    if "why" in machine:
        raise machine["why"]
    if "vm" not in machine:
        try:
            machine["vm"] = Vm(suite)
            machine["vm"].start()
        except (Failed, Skipped) as why:
            machine["why"] = why
            raise
    return machine["vm"]


def lio():
    if "lio" not in machine:
        machine["lio"] = vm().serve()
    return machine["lio"]


def serve(*options):
    vm()  # its network is what the target listens on
    return suite.serve(*options, host=HOST)


def settle(check, what, tries=50):
    for _ in range(tries):
        if check():
            return
        time.sleep(0.1)
    expect(False, what)


@suite.test("open-iscsi discovers, logs in, outlives a broken network with its writes under way, and logs out")
def recovery():
    server = serve("--target", TARGET, "--lun", "0=ram:64M", "-v")
    v = vm()
    v.sh("setsid sh -c 'echo $$ > /tmp/iscsid.pid; exec iscsid -f > /tmp/iscsid.log 2>&1' & sleep 1")
    out = v.sh(f"iscsiadm -m discovery -t st -p {HOST}:{server.port}")
    expect(f"{HOST}:{server.port},1 {TARGET}" in out, out)
    v.sh(f"iscsiadm -m node -T {TARGET} --login; sleep 1")
    (disk,) = [d for d in v.disks() if d.startswith("sd")]
    v.sh("dd if=/dev/urandom of=/tmp/data bs=1M count=16 2>/dev/null")
    v.sh(f"(for i in 1 2 3 4 5; do dd if=/tmp/data of=/dev/{disk} bs=64k oflag=direct 2>/dev/null || echo failed; sleep 1; done "
         "> /tmp/writes; echo through >> /tmp/writes) &")
    v.sh(f"sleep 1; ip link set eth0 down; sleep 5; ip link set eth0 up; ip addr add {GUEST}/24 dev eth0 2>/dev/null; true")
    settle(lambda: "through" in v.sh("cat /tmp/writes"), "the writes do not end", 600)
    expect("failed" not in v.sh("cat /tmp/writes"), v.console())
    v.sh(f"dd if=/dev/{disk} bs=1M count=16 iflag=direct 2>/dev/null | cmp - /tmp/data")
    expect(server.text().count("login complete") == 3, "no session was reinstated:", server.text())
    v.sh(f"iscsiadm -m node -T {TARGET} --logout")
    expect("logout (reason 0)" in server.text(), server.text())
    v.sh("kill $(cat /tmp/iscsid.pid); sleep 1")


@suite.test("the kernel finds our disks, their sizes, blocks and limits")
def attach():
    server = serve("--target", TARGET, "--lun", "0=ram:64M", "--lun", "1=ram:64M,block=4096", "--lun", "2=ram:8M,ro",
                   "--lun", f"3=file:{suite.path('huge')},create=5T")
    v = vm()
    a, b, c, d = v.login(server, TARGET, count=4)
    for disk, size, block, ro in ((a, 64 * MIB, 512, 0), (b, 64 * MIB, 4096, 0), (c, 8 * MIB, 512, 1), (d, 5 << 40, 512, 0)):
        said = v.sh(f"cat /sys/block/{disk}/size /sys/block/{disk}/queue/logical_block_size /sys/block/{disk}/ro").split()
        expect(said == [str(size // 512), str(block), str(ro)], disk, said)
        expect(int(v.sh(f"cat /sys/block/{disk}/queue/discard_max_bytes")) > 0 or ro, disk, "cannot discard")
    expect("error" not in v.sh("dmesg | grep -i 'sd [0-9]' || true").lower(), v.console())


def write_and_compare(v, disk, options="bs=1M"):
    v.sh("[ -e /tmp/data ] || dd if=/dev/urandom of=/tmp/data bs=1M count=16 2>/dev/null")
    v.sh(f"dd if=/tmp/data of=/dev/{disk} {options} oflag=direct 2>/dev/null")
    v.sh(f"dd if=/dev/{disk} bs=1M count=16 iflag=direct 2>/dev/null | cmp - /tmp/data")


@suite.test("what the kernel writes is what it reads, and what stands in the file")
def round_trip():
    path = suite.path("disk")
    server = serve("--target", TARGET, "--lun", f"0=file:{path},create=64M", "--lun", "1=ram:64M,block=4096")
    v = vm()
    a, b = v.login(server, TARGET, count=2)
    write_and_compare(v, a)
    write_and_compare(v, a, "bs=64k")
    write_and_compare(v, b)
    said = v.sh("md5sum < /tmp/data").split()[0]
    with open(path, "rb") as f:
        expect(hashlib.md5(f.read(16 * MIB)).hexdigest() == said, "the file holds something else")


@suite.test("CHAP in both directions, both digests, bursts and R2Ts of all kinds")
def negotiated():
    target, _ = suite.auth_files()
    v = vm()
    chap = f"-u {USER} -w {SECRET} -U {TARGET_USER} -W {TARGET_SECRET}"
    digests = "-P node.conn[0].iscsi.HeaderDigest=CRC32C -P node.conn[0].iscsi.DataDigest=CRC32C"
    offers = ("-P node.session.iscsi.InitialR2T=Yes -P node.session.iscsi.ImmediateData=No",
              "-P node.session.iscsi.InitialR2T=No -P node.session.iscsi.ImmediateData=Yes",
              "-P node.session.iscsi.FirstBurstLength=4096 -P node.session.iscsi.MaxBurstLength=8192 "
              "-P node.conn[0].iscsi.MaxRecvDataSegmentLength=4096 -P node.session.iscsi.InitialR2T=No")
    for number, offer in enumerate(offers):
        name = f"{TARGET}.{number}"
        server = serve("--target", name, "--lun", "0=ram:32M", "--auth", target)
        (disk,) = v.login(server, name, chap, digests, offer)
        write_and_compare(v, disk)
    said = v.sh("cat /sys/class/iscsi_connection/*/header_digest /sys/class/iscsi_connection/*/data_digest").split()
    expect(said.count("1") >= 6, "digests are not in force:", said)


# Number on the wire (RFC 7143 12.1.3), name in open-iscsi.
ALGORITHMS = ((5, "MD5"), (6, "SHA1"), (7, "SHA256"), (8, "SHA3-256"))


@suite.test("the kernel's initiator proves itself, and we ourselves to it, by each of the four CHAP algorithms")
def algorithms():
    target, _ = suite.auth_files()
    v = vm()
    chap = f"-u {USER} -w {SECRET} -U {TARGET_USER} -W {TARGET_SECRET}"
    for number, name in ALGORITHMS:
        server = serve("--target", f"{TARGET}.chap{number}", "--lun", "0=ram:1M", "--auth", target, "--set", f"CHAP_A={number}")
        v.login(server, f"{TARGET}.chap{number}", chap, f"-P node.session.auth.chap_algs={name}")


@suite.test("ext4 with discards is sound, and space that is discarded leaves the file")
def file_system():
    path = suite.path("fs")
    server = serve("--target", TARGET, "--lun", f"0=file:{path},create=128M")
    v = vm()
    (disk,) = v.login(server, TARGET)
    v.sh(f"/tools/mke2fs -q -F -t ext4 /dev/{disk}")
    v.sh(f"mount -t ext4 -o discard /dev/{disk} /mnt && cp /tmp/data /mnt/a && cp /tmp/data /mnt/b && sync && cmp /mnt/a /tmp/data")
    full = os.stat(path).st_blocks
    v.sh("rm /mnt/a && sync && umount /mnt")
    # /mnt/a has 8 MiB; the journal and the end of the mount may take a few blocks that were holes before
    settle(lambda: os.stat(path).st_blocks < full - 7 * MIB // 512, f"{os.stat(path).st_blocks} blocks of {full} are left")
    v.sh(f"mount -t ext4 /dev/{disk} /mnt && cmp /mnt/b /tmp/data && umount /mnt && /tools/e2fsck -f -n /dev/{disk}")
    v.sh(f"blkdiscard /dev/{disk} && ! dd if=/dev/{disk} bs=1M count=16 iflag=direct 2>/dev/null | tr -d '\\0' | grep -q .")


@suite.test("the kernel learns of a disk that grew and of one that came")
def changes():
    path, units = suite.path("grows"), suite.path("units")
    with open(units, "w", encoding="ascii") as f:
        f.write(f"0=file:{path},create=16M\n")
    server = serve("--target", TARGET, "--lun-file", units)
    v = vm()
    (disk,) = v.login(server, TARGET)
    os.truncate(path, 24 * MIB)
    with open(units, "a", encoding="ascii") as f:
        f.write("1=ram:8M\n")
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    before = set(v.disks())
    v.sh(f"dd if=/dev/{disk} of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null")
    v.sh(f"echo 1 > /sys/block/{disk}/device/rescan")
    expect(v.sh(f"cat /sys/block/{disk}/size").strip() == str(24 * MIB // 512), "the new size is not seen")
    host = re.search(r"host\d+", v.sh(f"readlink -f /sys/block/{disk}"))[0]
    v.sh(f"echo '- - -' > /sys/class/scsi_host/{host}/scan; sleep 1")
    expect(len(set(v.disks()) - before) == 1, "the new unit is not seen")
    expect("changed" in v.sh("dmesg | tail -n 40"), "no unit attention was told:", v.console())


@suite.test("resets and reservations of the kernel's are obeyed")
def control():
    server = serve("--target", TARGET, "--lun", "0=ram:16M")
    v = vm()
    (disk,) = v.login(server, TARGET)
    write_and_compare(v, disk)
    v.sh(f"sg_reset --device /dev/{disk} && sg_reset --target /dev/{disk}")
    v.sh(f"dd if=/dev/{disk} bs=1M count=16 iflag=direct 2>/dev/null | cmp - /tmp/data")
    v.sh(f"sg_persist --out --register --param-sark=abc123 /dev/{disk}")
    v.sh(f"sg_persist --out --reserve --param-rk=abc123 --prout-type=3 /dev/{disk}")
    out = v.sh(f"sg_persist --in --read-reservation /dev/{disk}; sg_persist --in --read-keys /dev/{disk}")
    expect("abc123" in out and "Exclusive Access" in out, out)
    unit = f"{server.url}/{TARGET}/0"
    out = initiator("read", unit, "--lba", 0, "--blocks", 1, "--to", "/dev/null", ok=[1])
    expect("CONFLICT" in out, out)
    v.sh(f"sg_persist --out --release --param-rk=abc123 --prout-type=3 /dev/{disk}")
    initiator("read", unit, "--lba", 0, "--blocks", 1, "--to", "/dev/null")


@suite.test("our initiator with LIO: asks, writes, reads and compares, digests and bursts of all kinds")
def with_lio():
    unit = lio()
    data = suite.random_file("lio", 4 * MIB)
    back = suite.path("lio-back")
    expect(LIO_NAME in initiator("discover", unit.rsplit("/", 2)[0]), "discovery")
    expect("LIO-ORG" in initiator("inquiry", unit) and "bytes: 67108864" in initiator("capacity", unit), "its answers")
    for words in ([], ["HeaderDigest=CRC32C", "DataDigest=CRC32C"], ["InitialR2T=Yes", "ImmediateData=No"],
                  ["InitialR2T=No", "ImmediateData=No", "FirstBurstLength=4096"],
                  ["MaxRecvDataSegmentLength=512", "MaxBurstLength=4096", "FirstBurstLength=512"]):
        options = [x for word in words for x in ("--set", word)]
        initiator("write", unit, "--lba", 0, "--from", data, *options)
        initiator("read", unit, "--lba", 0, "--blocks", 4 * MIB // 512, "--to", back, *options)
        same_bytes(data, back)
    initiator("ping", unit, "--count", 3, "--size", 400)
    initiator("reset", unit, "--lun")


@suite.test("our initiator with LIO: CHAP in both directions, by each of the four algorithms")
def with_lio_chap():
    unit = lio()
    _, ours = suite.auth_files()
    tpg = f"/sys/kernel/config/target/iscsi/{LIO_NAME}/tpgt_1"
    vm().sh(f"cd {tpg} && echo 1 > attrib/authentication && echo -n {USER} > auth/userid && echo -n {SECRET} > auth/password && "
            f"echo -n {TARGET_USER} > auth/userid_mutual && echo -n {TARGET_SECRET} > auth/password_mutual")
    for number, _ in ALGORITHMS:
        initiator("capacity", unit, "--auth", ours, "--set", f"CHAP_A={number}")
    initiator("capacity", unit, "--auth", ours)
    initiator("capacity", unit, "--retry", 0, ok=[1])
    vm().sh(f"echo 0 > {tpg}/attrib/authentication")


try:
    suite.run()
finally:
    if "vm" in machine:
        machine["vm"].stop()
