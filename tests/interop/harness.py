# SPDX-License-Identifier: MIT
"""What the interop tests share: our tools and peers as processes, files to write, TAP.

A script makes a `Suite`, defines functions with @suite.test("what holds"), and ends with suite.run(). Every process that
a test starts ends with it; every file stands in a folder of its own that is removed at the end.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve() / "bin"
TARGET = "iqn.2026-11.org.libiscsiproto:interop"
NAME = "iqn.2026-11.org.libiscsiproto:tester"
USER, SECRET = "initiator-user", "initiator-secret1"
TARGET_USER, TARGET_SECRET = "target-user", "target-secret-12"


class Failed(Exception):
    """A test's expectation did not hold."""


class Skipped(Exception):
    """What the test needs is not on this machine."""


def expect(holds, *words):
    if not holds:
        raise Failed(" ".join(str(w) for w in words))


def need(*commands):
    for command in commands:
        if not shutil.which(command) and not os.path.exists(f"/usr/sbin/{command}"):
            raise Skipped(f"{command} is not installed")


def run(*command, timeout=120, ok=(0,), data=None, env=None):
    """Runs a command to its end; its output as one text. An exit code that is not in `ok` fails the test."""
    words = [str(c) for c in command]
    try:
        done = subprocess.run(words, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False,
                              env=dict(os.environ, **(env or {})))
    except subprocess.TimeoutExpired as gone:
        raise Failed(f"{' '.join(words)}: no end after {timeout} s; output: {(gone.stdout or b'')[-800:]!r}") from None
    text = done.stdout.decode(errors="replace")
    expect(ok is None or done.returncode in ok, f"{' '.join(words)}: exit code {done.returncode}; output: {text[-1500:]}")
    return text


class Server:
    """One of our targets, listening on a port of the system's choice, or on one that was free before."""

    def __init__(self, suite, *options, tool="iscsi-target", host="127.0.0.1", port=0, under=(), env=None):
        """under: the command that runs it (valgrind)."""
        self.log = suite.path(f"{tool}-{time.monotonic_ns()}.log")
        words = [*under, str(BIN / tool), "--listen", f"{host}:{port}", *map(str, options)]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, env=env)
        self.address = self._address()
        self.port = int(self.address.rsplit(":", 1)[1])
        self.url = f"iscsi://{self.address}"

    def text(self):
        return pathlib.Path(self.log).read_text(errors="replace")

    def _address(self):
        for _ in range(100):
            found = re.search(r"^listening on (\S+)$", self.text(), re.M)
            if found:
                return found[1]
            expect(self.process.poll() is None, "the target ended at once:", self.text())
            time.sleep(0.05)
        raise Failed("the target does not listen: " + self.text())

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """SIGTERM; it has to end by itself with 0."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failed("the target did not end after SIGTERM") from None
        expect(self.process.returncode == 0, f"the target ended with {self.process.returncode}: {self.text()[-2000:]}")


class Suite:
    def __init__(self):
        self.tests = []
        self.folder = tempfile.mkdtemp(prefix="interop-")
        self.open = contextlib.ExitStack()

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content):
        with open(self.path(name), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return self.path(name)

    def random_file(self, name, size):
        with open(self.path(name), "wb") as f:
            left = size
            while left:
                n = min(left, 1 << 20)
                f.write(os.urandom(n))
                left -= n
        return self.path(name)

    def test(self, name):
        def keep(function):
            self.tests.append((name, function))
            return function
        return keep

    def serve(self, *options, **how):
        """A target that is stopped, and must end well, when the test ends."""
        server = Server(self, *options, **how)
        self.open.callback(server.stop)
        return server

    def auth_files(self):
        """(for our target, for our initiator): CHAP in both directions."""
        target = self.file("target.auth", f"incoming {USER} {SECRET}\noutgoing {TARGET_USER} {TARGET_SECRET}\n")
        initiator = self.file("initiator.auth", f"outgoing {USER} {SECRET}\nincoming {TARGET_USER} {TARGET_SECRET}\n")
        return target, initiator

    def run(self):
        failed = 0
        print(f"1..{len(self.tests)}", flush=True)
        for number, (name, function) in enumerate(self.tests, 1):
            try:
                with contextlib.ExitStack() as self.open:
                    function()
                print(f"ok {number} - {name}", flush=True)
            except Skipped as why:
                print(f"ok {number} - {name} # SKIP {why}", flush=True)
            except Exception as why:  # noqa: a test may fail in any way
                failed += 1
                print(f"not ok {number} - {name}", flush=True)
                words = str(why) if isinstance(why, Failed) else traceback.format_exc()
                for line in words.splitlines():
                    print(f"#   {line}", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        sys.exit(1 if failed else 0)


def initiator(*words, **options):
    return run(BIN / "iscsi-initiator", *words, **options)


def same_bytes(one, other, size=None):
    with open(one, "rb") as a, open(other, "rb") as b:
        offset = 0
        while size is None or offset < size:
            n = 1 << 20 if size is None else min(1 << 20, size - offset)
            x, y = a.read(n), b.read(n)
            if x != y:
                at = next((i for i, (p, q) in enumerate(zip(x, y)) if p != q), min(len(x), len(y)))
                raise Failed(f"{one} and {other} differ at byte {offset + at}")
            if not x:
                return
            offset += len(x)
