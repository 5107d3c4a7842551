#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our target before the eyes of a scanner: the iSCSI scripts of nmap, which bring an initiator of their own."""
from harness import SECRET, TARGET, USER, Suite, expect, need, run

suite = Suite()


def scan(server, script, *words):
    need("nmap")
    return run("nmap", "-n", "-Pn", "-p", server.port, "--script", f"+{script}", *words, "127.0.0.1")


@suite.test("iscsi-info lists the targets, their addresses and whether they want CHAP")
def info():
    auth, _ = suite.auth_files()
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M", "--target", TARGET + "-closed", "--auth", auth, "--lun", "0=ram:1M")
    out = scan(server, "iscsi-info")
    first, second = out[out.index(TARGET):].split(TARGET + "-closed")
    expect(f"Address: 127.0.0.1:{server.port},1" in first and "NOT required" in first, out)
    expect("Authentication: required" in second, out)


@suite.test("iscsi-brute finds the account whose secret it is given, and no other")
def brute():
    auth = suite.file("auth", f"incoming {USER} {SECRET}\n")
    server = suite.serve("--target", TARGET, "--auth", auth, "--lun", "0=ram:1M")
    users = suite.file("users", f"{USER}\nnobody\n")
    for secrets, found in ((f"wrong-secret-1\n{SECRET}\n", True), ("wrong-secret-1\nwrong-secret-2\n", False)):
        words = f"userdb={users},passdb={suite.file('secrets', secrets)},iscsi-brute.target={TARGET}"
        out = scan(server, "iscsi-brute", "--script-args", words)
        expect((f"{USER}:{SECRET}" in out) == found, out)


suite.run()
