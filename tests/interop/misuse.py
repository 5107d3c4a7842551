#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tools where they are used wrongly, or where what they stand on fails: closed descriptors, full disks, files that are not
what their line says, secrets that are none, values that do not go together."""
import os
import signal
import subprocess
import time

from harness import BIN, TARGET, Suite, expect, initiator, run

suite = Suite()


def closed(*words, fds=(1,)):
    """Runs a tool with descriptors closed; its exit code and what it said on stderr."""
    shut = " ".join(f"{fd}>&-" for fd in fds)
    done = subprocess.run(["sh", "-c", f'exec "$0" "$@" {shut}', *map(str, words)], stderr=subprocess.PIPE, timeout=60, check=False)
    return done.returncode, done.stderr.decode()


def luns(server):
    return {line.split()[0]: int(line.split()[1]) for line in initiator("luns", f"{server.url}/{TARGET}").splitlines()}


def hup(server):
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    expect(server.alive(), "the target ended:", server.text())
    return luns(server)


@suite.test("a target that was started with closed descriptors writes its messages to no disk")
def no_descriptors():
    for tool, words in (("iscsi-target", ("--target", TARGET)), ("stp-target", ())):
        path = suite.file("image", bytes(1 << 20))
        words = [str(BIN / tool), "-v", "--listen", "127.0.0.1:0", *words, "--lun", f"0=file:{path}", "--stats"]
        process = subprocess.Popen(["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', *words])
        time.sleep(0.5)
        expect(process.poll() is None, tool, "ended with", process.returncode)
        process.terminate()
        expect(process.wait(20) == 0, tool, "ended with", process.returncode)
        with open(path, "rb") as f:
            expect(f.read() == bytes(1 << 20), tool, "wrote to the disk")


@suite.test("two LUNs of one serial number are refused, in words that say what to do")
def same_serial():
    for words in (("iscsi-target", "--target", TARGET), ("stp-target",)):
        done = subprocess.run([BIN / words[0], "--listen", "127.0.0.1:0", *words[1:], "--lun", "0=ram:1M,serial=SAME", "--lun",
                               "1=ram:2M,serial=SAME"], stderr=subprocess.PIPE, timeout=60, check=False)
        expect(done.returncode == 1 and b"LUN 1 " in done.stderr and b"serial=" in done.stderr, words, done)


@suite.test("results that stdout does not take are a failure")
def results_lost():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M")
    for words in (("discover", server.url), ("luns", f"{server.url}/{TARGET}"),
                  ("bench", "--op", "read", "--seconds", "0.1", f"{server.url}/{TARGET}/0"),
                  ("read", "--lba", 0, "--blocks", 8, "--to", "-", f"{server.url}/{TARGET}/0")):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BIN / "iscsi-initiator", *map(str, words)], stdout=full, stderr=subprocess.PIPE, timeout=60,
                                  check=False)
        expect(done.returncode == 1 and b"stdout: No space left" in done.stderr, words, done)
        code, said = closed(BIN / "iscsi-initiator", *words)
        expect(code == 1 and "stdout: " in said, words, code, said)
    expect(server.alive(), "the target is gone")


@suite.test("a capture that could not be written is told to be incomplete")
def capture():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M", "--pcap", "/dev/full")
    out = initiator("capacity", "--pcap", "/dev/full", f"{server.url}/{TARGET}/0")
    expect("capture is not whole" in out, out)
    server.stop()
    expect("capture is not whole" in server.text(), server.text())


@suite.test("an option without its value, one with a value too many, and one that is none are told apart")
def options():
    for tool in ("iscsi-target", "iscsi-initiator", "stp-target", "stp-initiator"):
        for word, said in (("--pcap", "'--pcap' needs a value"), ("--verbose=1", "takes no value"), ("-vx", "'-x' is not an option"),
                           ("--fly", "'--fly' is not an option")):
            out = run(BIN / tool, word, ok=[2])
            expect(said in out, tool, word, "->", out)


@suite.test("SIGHUP with a file of units that is wrong, or gone, leaves what is served")
def units():
    listed = suite.file("units", "1=ram:2M \t\r\n  # a comment\n")
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M", "--lun-file", listed)
    expect(luns(server) == {"0": 1 << 20, "1": 2 << 20}, luns(server))
    suite.file("units", "1=ram:2M\n2=file:/nonexistent/x\nnonsense\n4=tape\n5=ram:3M,nonsense\n6=ram:6M\n")
    expect(hup(server) == {"0": 1 << 20, "1": 2 << 20}, "nothing of a file that is wrong is taken")
    for said in ("/nonexistent/x: No such file", "'nonsense' is not N=BACKING", "'tape'"):
        expect(said in server.text(), said, "is not in", server.text())
    suite.file("units", "2=ram:2M\n1=ram:2M\n2=ram:3M\n")
    expect(hup(server) == {"0": 1 << 20, "1": 2 << 20}, "a LUN that is named twice")
    suite.file("units", "2=ram:2M\n")
    expect(hup(server) == {"0": 1 << 20, "2": 2 << 20}, "a file that is right again")
    suite.file("units", "1=ram:2M\n")
    expect(hup(server) == {"0": 1 << 20, "1": 2 << 20}, "and back")
    suite.file("units", "1=ram:8M\n")
    expect(hup(server) == {"0": 1 << 20, "1": 2 << 20}, "a unit stays as it is")
    expect("LUN 1 stays 'ram:2M'" in server.text(), server.text())
    os.unlink(listed)
    expect(hup(server) == {"0": 1 << 20, "1": 2 << 20}, "without the file")
    for wrong, code in ((suite.path("nowhere"), 1), (suite.file("wrong", "nonsense\n"), 1), (suite.file("gone", "1=file:/nonexistent\n"), 1)):
        out = run(BIN / "iscsi-target", "--target", TARGET, "--listen", "127.0.0.1:0", "--lun-file", wrong, ok=[code])
        expect(wrong in out, out)


@suite.test("a file is created for a unit that is read-only, and none is left behind for one that cannot be")
def created():
    path = suite.path("fresh")
    for options in ("create=100", "create=8000000T", "create=0"):
        out = run(BIN / "iscsi-target", "--target", TARGET, "--listen", "127.0.0.1:0", "--lun", f"0=file:{path},{options}", ok=[1, 2])
        expect(path in out and not os.path.exists(path), options, "->", out)
    server = suite.serve("--target", TARGET, "--lun", f"0=file:{path},create=1M,ro")
    expect(luns(server) == {"0": 1 << 20}, "the unit")


@suite.test("secrets that no login could use are refused at once")
def secrets():
    good = "incoming alice secret-of-alice\n"
    for text, said in (("incoming alice short\n", "line 1: the secret has fewer than 12 bytes"),
                       (good + "\n" + good, "line 3: a second secret of 'alice'"),
                       (good + "outgoing disk secret-of-alice\n", "one secret"), ("outgoing disk secret-of-disk\n", "incoming")):
        path = suite.file("secrets", text)
        out = run(BIN / "iscsi-target", "--auth", path, "--target", TARGET, "--lun", "0=ram:1M", "--listen", "127.0.0.1:0", ok=[2])
        expect(path in out and said in out, text, "->", out)
    out = run(BIN / "iscsi-target", "--auth", suite.folder, "--target", TARGET, "--lun", "0=ram:1M", ok=[2])
    expect("Is a directory" in out, out)


@suite.test("values that do not go together are told with each other")
def offers():
    url = f"iscsi://127.0.0.1:1/{TARGET}/0"
    for value, said in (("MaxBurstLength=65536", "FirstBurstLength=262144 is more than MaxBurstLength=65536"),
                        ("TaskReporting=FastAbort", "ResponseFence")):
        out = run(BIN / "iscsi-target", "--target", TARGET, "--lun", "0=ram:1M", "--set", value, ok=[2])
        expect(said in out and TARGET in out, value, "->", out)
        out = run(BIN / "iscsi-target", "--set", value, "--target", TARGET, "--lun", "0=ram:1M", ok=[2])
        expect(said in out and "discovery" in out, value, "->", out)
        out = initiator("capacity", "--set", value, url, ok=[2])
        expect(said in out, value, "->", out)


@suite.test("work that was done in part, or not at all, is told to be")
def parts():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M")
    url = f"{server.url}/{TARGET}/0"
    short = suite.file("short", b"x" * 1000)
    out = initiator("write", "--lba", 0, "--from", short, "--blocks", 5, url, ok=[1])
    expect("ended after 2 of 5 blocks" in out, out)
    initiator("compare", "--lba", 0, "--from", short, url)
    out = initiator("ping", "--count", 1, "--size", "4K", url, ok=[1])
    expect("512 of 4096 bytes came back" in out, out)
    out = initiator("ping", "--count", 1, "--size", "1G", url, ok=[1])
    expect("the target takes at most" in out, out)
    server = suite.serve("--lun", "0=ram:1M", "--standing-grant", "8K", tool="stp-target")
    out = run(BIN / "stp-initiator", "bench", "--op", "write", "--seconds", "0.3", "--timeout", 1, f"stp://{server.address}/0", ok=[1])
    expect("no request was answered" in out, out)


suite.run()
