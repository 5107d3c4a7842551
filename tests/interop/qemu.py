#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""qemu-img and qemu-io (their iSCSI driver is libiscsi) against our target, on memory and on a file."""
import os
import random
import time

from harness import SECRET, TARGET, USER, Suite, expect, need, run, same_bytes

suite = Suite()
MIB = 1 << 20
SIZE = 64 * MIB


def image_with_holes(name):
    """64 MiB, of which about a third is data, at odd places."""
    path = suite.path(name)
    rng = random.Random(7143)
    with open(path, "wb") as f:
        f.truncate(SIZE)
        for _ in range(300):
            f.seek(rng.randrange(0, SIZE - 200000) // 512 * 512)
            f.write(os.urandom(rng.randrange(1, 200000)))
    return path


def round_trip(server, auth=""):
    url = f"iscsi://{auth}{server.address}/{TARGET}/0"
    image = image_with_holes("image")
    run("qemu-img", "info", url)
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, url, timeout=300)
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", image, url, timeout=300)
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", url, suite.path("back"), timeout=300)
    same_bytes(image, suite.path("back"))
    return url


@suite.test("an image of 64 MiB with holes survives on a RAM disk")
def memory():
    need("qemu-img")
    round_trip(suite.serve("--target", TARGET, "--lun", "0=ram:64M"))


@suite.test("the same on a file, which holds the same bytes afterwards")
def on_file():
    need("qemu-img")
    path = suite.path("unit")
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{path},create=64M")
    round_trip(server)
    same_bytes(suite.path("image"), path)


@suite.test("the same with CHAP and blocks of 4096 bytes")
def chap():
    need("qemu-img")
    auth, _ = suite.auth_files()
    round_trip(suite.serve("--auth", auth, "--target", TARGET, "--lun", "0=ram:64M,block=4096"), f"{USER}%{SECRET}@")


@suite.test("the same with header digest")
def digest():
    need("qemu-img")
    server = suite.serve("--set", "HeaderDigest=CRC32C", "--target", TARGET, "--lun", "0=ram:64M")
    options = f"driver=iscsi,transport=tcp,portal={server.address},target={TARGET},lun=0,header-digest=crc32c"
    image = image_with_holes("image")
    run("qemu-img", "convert", "-n", "-f", "raw", "--target-image-opts", image, options, timeout=300)
    run("qemu-img", "convert", "--image-opts", "-O", "raw", options, suite.path("back"), timeout=300)
    same_bytes(image, suite.path("back"))


@suite.test("random writes by qemu-io read back as written, also over each other")
def random_io():
    need("qemu-io")
    server = suite.serve("--target", TARGET, "--lun", "0=ram:64M")
    url = f"iscsi://{server.address}/{TARGET}/0"
    rng = random.Random(1)
    mirror = bytearray(SIZE)
    commands = []
    for _ in range(200):
        length = rng.choice([512, 1024, 4096, 65536, 300 * 1024])
        offset = rng.randrange(0, SIZE - length) // 512 * 512
        pattern = rng.randrange(1, 256)
        mirror[offset:offset + length] = bytes([pattern]) * length
        commands += ["-c", f"write -P {pattern} {offset} {length}"]
    for _ in range(60):
        offset = rng.randrange(0, SIZE - 4096) // 512 * 512
        pattern = mirror[offset]
        if mirror[offset:offset + 512] == bytes([pattern]) * 512:
            commands += ["-c", f"read -P {pattern} {offset} 512"]
    out = run("qemu-io", "-f", "raw", *commands, url, timeout=300)
    expect("Pattern verification failed" not in out and "error" not in out.lower(), out[-2000:])
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", url, suite.path("back"))
    same_bytes(suite.file("mirror", bytes(mirror)), suite.path("back"))


@suite.test("discard, write zeroes and FUA")
def discard():
    need("qemu-io")
    path = suite.path("sparse-unit")
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{path},create=64M")
    url = f"iscsi://{server.address}/{TARGET}/0"
    out = run("qemu-io", "-f", "raw", "-d", "unmap", "-c", "write -P 0xaa 0 8M", "-c", "write -f -P 0xbb 8M 64k", "-c",
              "discard 1M 2M", "-c", "write -z -u 4M 1M", "-c", "flush", "-c", "read -P 0 4M 1M", "-c", "read -P 0xaa 0 1M",
              "-c", "read -P 0xbb 8M 64k", "-c", "read -P 0xaa 5M 3M", url)
    expect("Pattern verification failed" not in out and "error" not in out.lower() and "failed" not in out, out)
    expect(os.stat(path).st_blocks * 512 < 8 * MIB, "the file stays sparse where it was discarded:",
           os.stat(path).st_blocks * 512)


@suite.test("a file system written through convert is whole")
def file_system():
    need("qemu-img", "mke2fs", "e2fsck")
    tree = suite.path("tree")
    os.mkdir(tree)
    for i in range(50):
        with open(os.path.join(tree, f"file{i}"), "wb") as f:
            f.write(os.urandom(i * 1777))
    image = suite.path("ext4")
    run("mke2fs", "-q", "-t", "ext4", "-d", tree, image, "32M")
    server = suite.serve("--target", TARGET, "--lun", "0=ram:32M")
    url = f"iscsi://{server.address}/{TARGET}/0"
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, url)
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", url, suite.path("back"))
    run("e2fsck", "-n", "-f", suite.path("back"))
    same_bytes(image, suite.path("back"))


@suite.test("an xfs file system written through convert is whole")
def xfs():
    need("qemu-img", "mkfs.xfs", "xfs_repair")
    image = suite.path("xfs")
    run("truncate", "-s", "512M", image)
    run("mkfs.xfs", "-q", "-f", image)
    server = suite.serve("--target", TARGET, "--lun", "0=ram:512M,block=4096")
    url = f"iscsi://{server.address}/{TARGET}/0"
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, url)
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", url, suite.path("back"))
    run("xfs_repair", "-n", "-f", suite.path("back"))


@suite.test("UNMAP and WRITE SAME of 1 GiB are done without writing the bytes")
def gigabyte():
    need("qemu-io")
    path = suite.path("huge")
    for backing in (f"file:{path},create=2G", "ram:2G"):
        server = suite.serve("--target", TARGET, "--lun", f"0={backing}")
        url = f"iscsi://{server.address}/{TARGET}/0"
        start = time.monotonic()
        out = run("qemu-io", "-f", "raw", "-d", "unmap", "-c", "write -P 1 0 4M", "-c", "write -z -u 0 1G", "-c", "discard 1G 1G", "-c",
                  "read -P 0 0 4M", url, timeout=60)
        expect("failed" not in out, out)
        expect(time.monotonic() - start < 5, "took", time.monotonic() - start, "s")
        with open(f"/proc/{server.process.pid}/statm") as f:
            expect(int(f.read().split()[1]) * 4096 < 300 * MIB, "memory was written to")
    expect(os.stat(path).st_blocks * 512 < 16 * MIB, "the file holds", os.stat(path).st_blocks * 512)


suite.run()
