#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Peers that connect and say nothing, over real sockets: whatever they do, somebody else logs in. One login out of many
addresses, many out of one; both targets; one thread and several; and a system that has no more descriptors."""
import contextlib
import hashlib
import multiprocessing
import os
import random
import select
import socket
import struct
import subprocess
import time

from harness import BIN, SECRET, TARGET, USER, Suite, expect, initiator, run
from peer import Closed, Peer, new_isid
from stp_peer import GOOD, READ, Broken, Ended, Frame, Initiator, Stream

suite = Suite()
LIMIT = 512


class Crowd:
    """Sockets that are connected from an address each and stay open."""

    def __init__(self, port, addresses, host="127.0.0.1"):
        self.port, self.host, self.sockets = port, host, []
        for address in addresses:
            self.add(address)
        suite.open.callback(self.close)

    def add(self, address):
        self.sockets.append(socket.create_connection((self.host, self.port), 10, (address, 0)))

    def close(self):
        for s in self.sockets:
            s.close()

    def ended(self, wait=5.0, want=None):
        """The numbers of those that the target has ended; waits until there are so many as are wanted."""
        end = time.monotonic() + wait
        while True:
            poll, numbers = select.poll(), {s.fileno(): n for n, s in enumerate(self.sockets)}
            for fd in numbers:
                poll.register(fd, select.POLLIN | select.POLLRDHUP)
            gone = sorted(numbers[fd] for fd, _ in poll.poll(0))
            if time.monotonic() > end or (want is not None and len(gone) >= want):
                return gone
            time.sleep(0.05)


def address(n):
    return f"127.1.{n // 250}.{n % 250 + 1}"


def flood(port, addresses, first, started):
    """Connects without end, each time from the next address, and says no more than the first byte. At most 2000 a second, of
    which a full door lets each stay for a quarter of one: time enough for a login on a machine that is busy."""
    held = []
    while True:
        for a in addresses:
            s = socket.socket()
            try:
                s.bind((a, 0))
                s.setblocking(False)
                s.connect_ex(("127.0.0.1", port))
                connected = select.poll()
                connected.register(s, select.POLLOUT)
                connected.poll(1000)
                s.send(first)
                time.sleep(0.0005)
            except OSError:
                pass
            held.append(s)
            if len(held) > 2 * LIMIT:
                held.pop(0).close()
                started.set()


@contextlib.contextmanager
def flooded(port, addresses, first=b""):
    started = multiprocessing.Event()
    attacker = multiprocessing.Process(target=flood, args=(port, addresses, first, started), daemon=True)
    attacker.start()
    try:
        expect(started.wait(60), "the flood did not get through the door once")
        yield
    finally:
        attacker.kill()
        attacker.join()


FLOODS = {"one address": ["127.0.0.2"], "the initiator's own address": ["127.0.0.1"],
          "three addresses": ["127.0.0.2", "127.0.0.3", "127.0.0.4"], "700 addresses": [address(n) for n in range(700)]}


def log_in_through(server, *options):
    """Five logins through each flood: nobody waits for the login limit of 15 seconds."""
    for what, addresses in FLOODS.items():
        with flooded(server.port, addresses, b"\x43"):
            start = time.monotonic()
            for _ in range(5):
                text = initiator("capacity", *options, f"{server.url}/{TARGET}/0")
                expect("32768" in text, text)
            expect(time.monotonic() - start < 10, "five logins in", time.monotonic() - start, "seconds, flooded by", what)


@suite.test("initiators log in with CHAP while idle connections flood the target from one and from many addresses")
def floods():
    target, own = suite.auth_files()
    log_in_through(suite.serve("--auth", target, "--target", TARGET, "--lun", "0=ram:16M"), "--auth", own)


@suite.test("the same with four threads, where the login moves to another thread")
def floods_threads():
    more = [word for n in range(8) for word in ("--target", f"{TARGET}{n}", "--lun", "0=ram:1M")]
    log_in_through(suite.serve("--threads", 4, "--target", TARGET, "--lun", "0=ram:16M", *more))


@suite.test("the address that has most makes room, the first that came first; others stay")
def heaviest():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:16M")
    crowd = Crowd(server.port, ["127.0.0.3"] * 5 + ["127.0.0.2"] * (LIMIT - 10) + ["127.0.0.3"] * 5)
    expect(crowd.ended(0.3) == [], "there is room for all", crowd.ended(0))
    for n in range(1, 4):
        crowd.add(f"127.0.0.{3 + n}")
        expect(crowd.ended(want=n) == list(range(5, 5 + n)), "ended:", crowd.ended(0))
    for n in range(3):
        crowd.add("127.0.0.2")
    expect(crowd.ended(want=6) == list(range(5, 11)), "a flood pushes out its own:", crowd.ended(0))


@suite.test("where every address has one, they make room in the order in which they came")
def in_order():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:16M")
    crowd = Crowd(server.port, [address(n) for n in range(LIMIT)])
    expect(crowd.ended(0.3) == [], "there is room for all", crowd.ended(0))
    for n in range(LIMIT, LIMIT + 40):
        crowd.add(address(n))
    expect(crowd.ended(want=40) == list(range(40)), "ended:", crowd.ended(0))


@suite.test("who gets on with a login goes after those that were there by then")
def progress():
    server = suite.serve("--auth", suite.auth_files()[0], "--target", TARGET, "--lun", "0=ram:16M")
    crowd = Crowd(server.port, [address(n // 2) for n in range(LIMIT)])
    request = Peer.login_request
    for n, text in ((0, {"TargetName": TARGET, "AuthMethod": "CHAP"}), (0, {"CHAP_A": "5"}), (2, {"TargetName": "iqn"})):
        if "CHAP_A" not in text:
            text = {"InitiatorName": "iqn.2026-11.org.example:slow", "SessionType": "Normal", **text}
        p = Peer.__new__(Peer)
        p.socket, p.cmdsn, p.expstatsn = crowd.sockets[n], 1, 0
        if n:
            p.send(request(p, text, 0x00)[:100])  # not all of it: that is no progress
        else:
            p.send(request(p, text, 0x00))
            expect(p.receive().bhs[36] == 0, "refused at", text)
    crowd.add(address(1000))
    expect(crowd.ended(want=1) == [2], "ended:", crowd.ended(0))
    # the address of the first has two: the other one goes, when that address has its turn after all others
    for n in range(1, LIMIT // 2):
        crowd.add(address(1000 + n))
    want = sorted([1] + list(range(2, LIMIT, 2)))
    expect(crowd.ended(want=LIMIT // 2) == want, "ended:", sorted(set(crowd.ended(0)) ^ set(want)))


@suite.test("one door for all portals, v4 and v6")
def portals():
    server = suite.serve("--listen", "[::1]:0", "--target", TARGET, "--lun", "0=ram:16M")
    six = int(next(line for line in server.text().splitlines() if "[::1]" in line).rsplit(":", 1)[1])
    four = Crowd(server.port, [address(n) for n in range(10)])
    crowd = Crowd(six, ["::1"] * (LIMIT - 10), "::1")
    four.add("127.0.0.3")
    expect(crowd.ended(want=1) == [0] and four.ended(0.2) == [], "ended:", crowd.ended(0), four.ended(0))


@suite.test("who has logged in does not stand in the door")
def sessions():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:16M")
    with contextlib.ExitStack() as stay:
        peers = [stay.enter_context(Peer(server.port)) for _ in range(20)]
        for p in peers:
            p.login(TARGET)
        crowd = Crowd(server.port, ["127.0.0.2"] * (LIMIT + 20))
        expect(crowd.ended(want=20) == list(range(20)), "ended:", crowd.ended(0))
        for p in peers:
            expect(len(p.read_blocks()) == 4096, "a session reads")
        crowd.close()


def discovery_with_chap(port):
    """A discovery session of one who has proved a name."""
    p = Peer(port)
    isid = new_isid()

    def step(flags, **text):
        p.send(p.login_request(text, flags, isid))
        pdu = p.receive()
        expect(pdu.bhs[36] == 0, "refused at", text, pdu)
        return pdu.text()

    step(0x00, InitiatorName="iqn.2026-11.org.example:proved", SessionType="Discovery", AuthMethod="CHAP")
    got = step(0x00, CHAP_A="5")
    challenge = bytes.fromhex(got["CHAP_C"][2:])
    answer = hashlib.md5(bytes([int(got["CHAP_I"])]) + SECRET.encode() + challenge).hexdigest()
    step(0x81, CHAP_N=USER, CHAP_R="0x" + answer)
    step(0x87)
    return p.socket


@suite.test("discovery sessions that anybody may have make room like logins, those with CHAP do not")
def discoveries():
    target, own = suite.auth_files()
    server = suite.serve("--target", TARGET, "--auth", target, "--lun", "0=ram:16M")
    crowd = Crowd(server.port, [])
    for _ in range(LIMIT + 20):
        p = Peer(server.port)
        p.login(None)
        crowd.sockets.append(p.socket)
    expect(crowd.ended(want=20) == list(range(20)), "ended:", crowd.ended(0))
    expect("32768" in initiator("capacity", "--auth", own, f"{server.url}/{TARGET}/0"), "logs in")
    server = suite.serve("--auth", target, "--target", TARGET, "--lun", "0=ram:16M")
    proved = Crowd(server.port, [])
    proved.sockets = [discovery_with_chap(server.port) for _ in range(20)]
    anybody = Crowd(server.port, ["127.0.0.1"] * (LIMIT + 20))
    expect(anybody.ended(want=20) == list(range(20)), "ended:", anybody.ended(0))
    expect(proved.ended(0.2) == [], "ended though they had proved a name:", proved.ended(0))


@suite.test("those that leave by themselves leave room, in any order")
def leaving():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:16M")
    rng = random.Random(7)
    crowd = Crowd(server.port, [])
    for _ in range(3000):
        if len(crowd.sockets) > 400 or (crowd.sockets and rng.random() < 0.45):
            crowd.sockets.pop(rng.randrange(len(crowd.sockets))).close()
        else:
            crowd.add(f"127.0.0.{rng.randrange(2, 30)}")
    time.sleep(0.3)  # until the target has seen the last of them go
    left = len(crowd.sockets)
    for _ in range(LIMIT - left):
        crowd.add("127.0.1.1")
    expect(crowd.ended(0.3) == [], "there was room for all", crowd.ended(0))
    crowd.add("127.0.1.1")
    expect(crowd.ended(want=1) == [left], "one too many: ended are", crowd.ended(0), "and not", left)


@suite.test("without descriptors, one that waits gives its own up for a login")
def descriptors():
    for tool, words in (("iscsi-target", ("--target", TARGET, "--lun", "0=ram:16M")), ("stp-target", ("--lun", "0=ram:16M"))):
        server = suite.serve(*words, tool=tool)
        run("prlimit", "--pid", server.process.pid, "--nofile=100:100")
        crowd = Crowd(server.port, ["127.0.0.2"] * 150)
        for _ in range(3):
            if tool == "iscsi-target":
                expect("32768" in initiator("capacity", "--timeout", 5, f"{server.url}/{TARGET}/0"), "logs in")
            else:
                run(BIN / "stp-initiator", "capacity", "--timeout", 5, f"stp://{server.address}/0")
        crowd.close()


@suite.test("where sessions have all descriptors, newcomers are turned away without a spin, and let in when there is room")
def no_room():
    def seconds():
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    server = suite.serve("--target", TARGET, "--lun", "0=ram:16M")
    run("prlimit", "--pid", server.process.pid, "--nofile=40:40")
    peers = []
    while True:
        try:
            peers.append(Peer(server.port))
            peers[-1].login(TARGET)
        except (Closed, OSError):
            break
    expect(len(os.listdir(f"/proc/{server.process.pid}/fd")) == 40, "descriptors that nobody has, with", len(peers), "sessions")
    crowd = Crowd(server.port, ["127.0.0.1"] * 5)
    expect(crowd.ended(want=5) == list(range(5)), "turned away:", crowd.ended(0))
    crowd.add("127.0.0.1")
    before = seconds()
    time.sleep(1)
    expect(seconds() - before < 0.3, "spins:", seconds() - before, "seconds in one")
    expect(all(len(p.read_blocks()) == 4096 for p in peers[:-1]), "the sessions read")
    peers[0].close()
    time.sleep(0.2)
    with Peer(server.port) as p:
        p.login(TARGET)
    for p in peers:
        p.close()
    crowd.close()


def session_from(port, source):
    """A session whose initiator comes from that address."""
    p = Peer.__new__(Peer)
    p.socket = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
    p.cmdsn, p.expstatsn, p.itt = 1, 0, 1
    p.login(TARGET)
    return p


@suite.test("where one address has all descriptors for sessions or commands, another one gets in, and none of its own does")
def greedy():
    for tool, words in (("iscsi-target", ("--target", TARGET, "--lun", "0=ram:1M")), ("stp-target", ("--lun", "0=ram:1M"))):
        server = suite.serve(*words, tool=tool)
        run("prlimit", "--pid", server.process.pid, "--nofile=60:60")
        come = session_from if tool == "iscsi-target" else spoken
        held = Crowd(server.port, [])

        def insisted(source, tries):
            for _ in range(tries):
                try:
                    one = come(server.port, source)
                    held.sockets.append(getattr(one, "socket", one))
                    return True
                except (Closed, Broken, Ended, OSError):
                    time.sleep(0.2)
            return False

        while insisted("127.0.0.2", 1):
            expect(len(held.sockets) < 60, "more than there are descriptors")
        had = len(held.sockets)
        expect(not insisted("127.0.0.2", 3) and held.ended(0.3) == [], "the address that has all gets no more, and loses none")
        for n in range(3, 9):
            expect(insisted(f"127.0.0.{n}", 20), f"127.0.0.{n} gets in,", tool, "with", had, "of another one")
        gone = held.ended(0.5)
        expect(gone and max(gone) < had and len(gone) <= 12, "whose connections went:", gone, "of", had)


@suite.test("the soft limit of descriptors is no limit")
def soft():
    log = suite.path("soft.log")
    with open(log, "wb") as out:
        target = subprocess.Popen(["prlimit", "--nofile=64:4096", BIN / "iscsi-target", "--listen", "127.0.0.1:0",
                                   "--target", TARGET, "--lun", "0=ram:1M"], stdout=out, stderr=out)
    try:
        time.sleep(0.5)
        with open(f"/proc/{target.pid}/limits", encoding="ascii") as f:
            files = next(line for line in f if line.startswith("Max open files")).split()
        expect(files[3] == files[4] == "4096", files)
    finally:
        target.terminate()
        target.wait()


# --- the frame protocol: no login, so a first command is what is waited for ------------------------------------------------


def command(server):
    i = Initiator("127.0.0.1", server.port)
    try:
        for _ in range(8):  # unit attentions
            if i.command([0x00]).status == GOOD:
                return
        expect(False, "the unit does not become ready")
    finally:
        i.close()


def insist(server):
    """On a machine that is busy a flood may push out one that has no time to speak: up to four tries, as our tools have."""
    for _ in range(3):
        try:
            return command(server)
        except (Broken, Ended, OSError):
            pass
    return command(server)


@suite.test("frame protocol: commands are served while silent connections flood the target")
def frame_floods():
    server = suite.serve("--lun", "0=ram:16M", tool="stp-target")
    for what, addresses in FLOODS.items():
        with flooded(server.port, addresses, b"STP1"):
            start = time.monotonic()
            for _ in range(5):
                insist(server)
            expect(time.monotonic() - start < 10, "five commands in", time.monotonic() - start, "seconds, flooded by", what)


def spoken(port, source):
    """A connection that has had a command answered."""
    s = socket.create_connection(("127.0.0.1", port), 10, (source, 0))
    stream = Stream(s, "initiator")
    stream.send(Frame(b"NEWC", 1, flags=READ, obuf=struct.pack(">BBHB", 0x12, 0, 0, 36).ljust(16, b"\0"), length=36))
    expect(stream.receive().event == b"XFER", "INQUIRY is answered")
    return s


@suite.test("frame protocol: who has sent a command is not pushed out by the silent")
def frame_sessions():
    server = suite.serve("--lun", "0=ram:1M", tool="stp-target")
    talkers = Crowd(server.port, [])
    talkers.sockets = [spoken(server.port, "127.0.0.2") for _ in range(20)]
    crowd = Crowd(server.port, ["127.0.0.2"] * (LIMIT + 20))
    expect(crowd.ended(want=20) == list(range(20)), "ended:", crowd.ended(0))
    expect(talkers.ended(0.2) == [], "talkers ended")


@suite.test("frame protocol: of 4096 that talk the address with most makes room for another, and for none of its own")
def frame_share():
    server = suite.serve("--lun", "0=ram:1M", tool="stp-target")
    talkers = Crowd(server.port, [])
    talkers.sockets = [spoken(server.port, "127.0.0.3") for _ in range(6)] + [spoken(server.port, "127.0.0.2") for _ in range(4090)]
    own = Crowd(server.port, ["127.0.0.2"])
    expect(own.ended(want=1) == [0], "the address that has most gets no more")
    expect(talkers.ended(0.2) == [], "nobody goes for it:", talkers.ended(0))
    for n in range(1, 4):
        talkers.sockets.append(spoken(server.port, "127.0.0.4"))
        expect(talkers.ended(want=n) == list(range(6, 6 + n)), "who made room:", talkers.ended(0))


suite.run()
