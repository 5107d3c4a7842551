# SPDX-License-Identifier: MIT
"""A tgtd (Debian's tgt) for a test."""
import os
import random
import socket
import subprocess
import time

from harness import SECRET, TARGET, TARGET_SECRET, TARGET_USER, USER, Failed, Skipped, need, run

SIZE = 64 << 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Tgtd:
    """A tgtd of our own, with one target on a file."""

    def __init__(self, suite, own=None, chap=False, mutual=False, **params):
        need("tgtd", "tgtadm")
        self.suite = suite
        if os.geteuid() != 0:
            raise Skipped("tgtd runs as root only")
        os.makedirs("/var/run/tgtd", exist_ok=True)
        self.port = free_port()
        self.control = str(200 + random.randrange(30000))
        self.file = self.suite.path(f"tgtd-unit-{self.port}")
        with open(self.file, "wb") as f:
            f.truncate(SIZE)
        with open(self.suite.path(f"tgtd-{self.port}.log"), "wb") as log:
            self.process = subprocess.Popen(["/usr/sbin/tgtd", "-f", "-C", self.control, "--iscsi", f"portal=127.0.0.1:{self.port}"],
                                            stdout=log, stderr=log)
        (own or self.suite.open).callback(self.stop)
        self.url = f"iscsi://127.0.0.1:{self.port}"
        self.unit = f"{self.url}/{TARGET}/1"
        self._set_up(chap, mutual, params)

    def admin(self, *words, ok=(0,)):
        return run("/usr/sbin/tgtadm", "-C", self.control, "--lld", "iscsi", *words, ok=ok)

    def _set_up(self, chap, mutual, params):
        new = ("--op", "new", "--mode", "target", "--tid", "1", "-T", TARGET)
        for _ in range(100):
            try:
                self.admin(*new)
                break
            except Failed:
                time.sleep(0.05)
        else:
            raise Failed("tgtd does not take commands: " + open(self.suite.path(f"tgtd-{self.port}.log")).read())
        self.admin("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", self.file)
        self.admin("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")
        for key, value in params.items():
            self.admin("--op", "update", "--mode", "target", "--tid", "1", "--name", key, "--value", value)
        if chap:
            self.admin("--op", "new", "--mode", "account", "--user", USER, "--password", SECRET)
            self.admin("--op", "bind", "--mode", "account", "--tid", "1", "--user", USER)
        if mutual:
            self.admin("--op", "new", "--mode", "account", "--user", TARGET_USER, "--password", TARGET_SECRET)
            self.admin("--op", "bind", "--mode", "account", "--tid", "1", "--user", TARGET_USER, "--outgoing")

    def stop(self):
        self.process.kill()
        self.process.wait()
