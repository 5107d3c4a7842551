#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine boots from our target: iPXE, the boot firmware of qemu's network cards, is the initiator."""
import os
import subprocess
import time

from harness import SECRET, TARGET, TARGET_SECRET, TARGET_USER, USER, Skipped, Suite, expect, need

suite = Suite()
ROM = "/usr/lib/ipxe/qemu/pxe-e1000.rom"
GREETING = b"BOOTED FROM ISCSI"

# Writes the text behind it to the first serial port: set up DS and SI; for each byte wait for bit 5 of port 3FDh, put it to 3F8h.
BOOT_SECTOR = bytes.fromhex("fa 31c0 8ed8 be237c fc ac 84c0 7412 88c4 bafd03 ec a820 74fb baf803 88e0 ee ebe9 f4 ebfd") + GREETING + b"\r\n\0"


def disk():
    """Large enough for a whole cylinder of the BIOS's geometry."""
    expect(BOOT_SECTOR.index(GREETING) == 0x23, "where the text is")
    image = suite.file("boot.img", BOOT_SECTOR.ljust(510, b"\0") + b"\x55\xaa")
    os.truncate(image, 64 << 20)
    return image


def boot(server, *settings, seconds=60):
    """What the machine says on its serial port until it greets, or gives up."""
    need("qemu-system-x86_64")
    if not os.path.exists(ROM):
        raise Skipped("no iPXE for qemu's network card")
    os.makedirs(suite.path("tftp"), exist_ok=True)
    script = ["#!ipxe", "set initiator-iqn iqn.2026-11.org.libiscsiproto:machine", *settings,
              f"sanboot --keep iscsi:10.0.2.2::{server.port}:0:{TARGET} || echo GAVE UP"]
    suite.file("tftp/boot.ipxe", "\n".join(script) + "\n")
    console = suite.path("console")
    machine = subprocess.Popen(["qemu-system-x86_64", "-accel", "tcg", "-m", "64", "-display", "none", "-monitor", "none", "-serial",
                                f"file:{console}", "-netdev", f"user,id=n,tftp={suite.path('tftp')},bootfile=boot.ipxe",
                                "-device", "e1000,netdev=n", "-machine", "pc,graphics=off", "-boot", "n"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        text = b""
        for _ in range(seconds * 5):
            time.sleep(0.2)
            text = open(console, "rb").read() if os.path.exists(console) else b""
            if GREETING in text or b"GAVE UP" in text or machine.poll() is not None:
                break
        return text
    finally:
        machine.kill()
        machine.wait()


@suite.test("a machine reads its boot sector and starts it")
def boots():
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{disk()}", "--stats")
    text = boot(server)
    expect(GREETING in text, text[-1500:])


@suite.test("a machine that knows the secrets boots, one that does not is refused")
def chap():
    auth, _ = suite.auth_files()
    server = suite.serve("--auth", auth, "--target", TARGET, "--lun", f"0=file:{disk()}", "-v")
    known = [f"set username {USER}", f"set password {SECRET}", f"set reverse-username {TARGET_USER}",
             f"set reverse-password {TARGET_SECRET}"]
    text = boot(server, *known)
    expect(GREETING in text, text[-1500:])
    text = boot(server, f"set username {USER}", "set password another-secret1")
    expect(GREETING not in text and b"GAVE UP" in text, text[-1500:])
    expect("refused (0201)" in server.text(), server.text())


suite.run()
