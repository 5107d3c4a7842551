#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who is who: what a secret proves, whose a session is, which addresses are told, over real sockets. A name that is only
claimed opens nothing that belongs to somebody else."""
import hashlib
import os
import re
import signal
import struct
import subprocess
import time

from harness import BIN, TARGET, Skipped, Suite, expect, initiator, run
from peer import LOGIN_RESPONSE, OP, TEXT_RESPONSE, Closed, Peer, header, pad

suite = Suite()
A, B = "iqn.2026-11.com.example:a", "iqn.2026-11.com.example:b"
SECRET_A, SECRET_B = "secret-of-a-aaaa", "secret-of-b-bbbb"
ISID = b"\x80\x00\x00\x00\x00\x07"


class Refused(Exception):
    pass


def step(p, flags, text, isid=ISID, tsih=0):
    p.send(p.login_request(text, flags, isid, tsih=tsih))
    pdu = p.receive()
    if pdu.opcode != LOGIN_RESPONSE or pdu.bhs[36]:
        raise Refused(f"{pdu.bhs[36]:02x}{pdu.bhs[37]:02x}")
    return pdu


def log_in(port, user, secret, name, target=TARGET, tsih=0):
    """A session whose initiator proves itself by CHAP; `target` None: discovery."""
    p = Peer(port)
    where = {"SessionType": "Normal", "TargetName": target} if target else {"SessionType": "Discovery"}
    step(p, 0x00, {"InitiatorName": name, **where, "AuthMethod": "CHAP"}, tsih=tsih)
    got = step(p, 0x00, {"CHAP_A": "5"}, tsih=tsih).text()
    answer = hashlib.md5(bytes([int(got["CHAP_I"])]) + secret.encode() + bytes.fromhex(got["CHAP_C"][2:])).hexdigest()
    step(p, 0x81, {"CHAP_N": user, "CHAP_R": "0x" + answer}, tsih=tsih)
    p.tsih = struct.unpack(">H", step(p, 0x87, {}, tsih=tsih).bhs[14:16])[0]
    return p


def refused(*words, **more):
    try:
        log_in(*words, **more).close()
    except Refused as status:
        return str(status)
    return None


def ready(p, cdb=bytes(6), data=b""):
    """The status of a command, after the unit attentions."""
    for _ in range(8):
        itt = p.command(cdb, len(data), write=bool(data), data=data)
        pdu = p.receive()
        while pdu.itt != itt:
            pdu = p.receive()
        if pdu.status != 2:
            return pdu.status
    return 2


def reserve_out(action, kind=0, key=0, new=0):
    return bytes([0x5f, action, kind, 0, 0, 0, 0, 0, 24, 0]), struct.pack(">QQQ", key, new, 0)


def ties(name, *more):
    return suite.file(name, f"incoming user-a {SECRET_A} {A.upper()} iqn.2026-11.com.example:a2\nincoming user-b {SECRET_B} {B}\n" + "".join(more))


@suite.test("a CHAP user that is tied to names logs in under these alone, and touches nothing of another's")
def tied():
    server = suite.serve("--auth", ties("tied"), "--target", TARGET, "--allow-name", A, "--allow-name", B, "--lun", "0=ram:1M",
                         "--target", TARGET + "2", "--lun", "0=ram:1M", "--threads", 2)
    expect("is tied to no" not in server.text(), server.text())
    for target in (TARGET, TARGET + "2"):
        with log_in(server.port, "user-a", SECRET_A, A, target) as a:
            expect(ready(a) == 0, "A's unit is ready")
            expect(ready(a, *reserve_out(6, new=7)) == 0 and ready(a, *reserve_out(1, 3, 7)) == 0, "A reserves it")
            for user, secret, name in (("user-b", SECRET_B, A), ("user-b", SECRET_B, A.upper()), ("user-b", SECRET_A, A),
                                       ("user-a", SECRET_B, A), ("USER-A", SECRET_A, A), ("user-a", SECRET_A, B)):
                expect(refused(server.port, user, secret, name, target) == "0201", user, "as", name, "is not refused")
                expect(refused(server.port, user, secret, name, target, tsih=a.tsih) == "0201", user, "joins as", name)
            for other in (TARGET, TARGET + "2", None):
                expect(refused(server.port, "user-b", SECRET_B, A, other) == "0201", "B as A at", other)
            with log_in(server.port, "user-b", SECRET_B, B.upper(), target) as b:
                write = struct.pack(">BBIBHB", 0x2a, 0, 0, 0, 1, 0)
                ready(b)
                expect(ready(b, write, bytes(512)) == 0x18, "RESERVATION CONFLICT for B")
            expect(ready(a) == 0, "A's session goes on")


@suite.test("a session is ended and joined by the user that opened it, whatever name another one claims")
def owned():
    users = suite.file("users", f"incoming user-a {SECRET_A}\nincoming user-b {SECRET_B}\nincoming user-c secret-of-c-cccc {A}\n")
    server = suite.serve("--auth", users, "--target", TARGET, "--lun", "0=ram:1M")
    expect(re.search(r"user 'user-a' is tied to no initiator name", server.text()), "no warning:", server.text())
    for target in (TARGET, None):
        with log_in(server.port, "user-a", SECRET_A, A, target) as a:
            expect(refused(server.port, "user-b", SECRET_B, A, target) == "0202", "B takes A's session at", target)
            expect(not target or ready(a) == 0, "A's session goes on")
            log_in(server.port, "user-a", SECRET_A, A, target).close()
            expect(a.closed(), "A ends its own session by a new login at", target)
        with log_in(server.port, "user-a", SECRET_A, A, target) as a:
            log_in(server.port, "user-c", "secret-of-c-cccc", A, target).close()
            expect(a.closed(), "one whose secret proves the name has its sessions")


@suite.test("a user without names is warned of where others could be meant, and not where it is alone")
def warned():
    one = suite.file("one", f"incoming user-a {SECRET_A}\n")
    for words, warns in (((), False), (("--allow-name", A), True)):
        server = suite.serve("--auth", one, *words, "--target", TARGET, "--lun", "0=ram:1M")
        expect(("is tied to no initiator name" in server.text()) == warns, words, server.text())
    for line in ("not/a name,x", "iqn.2026-11.com.example:" + "x" * 300):
        out = run(BIN / "iscsi-target", "--auth", suite.file("bad", f"incoming user-a {SECRET_A} {line}\n"), "--target", TARGET,
                  "--lun", "0=ram:1M", "--listen", "127.0.0.1:0", ok=[2])
        expect("line 1" in out, out)


@suite.test("our initiator holds a target's user to the target's name")
def tied_target():
    server = suite.serve("--auth", ties("both", "outgoing disk secret-of-disk\n"), "--target", TARGET, "--lun", "0=ram:1M")
    for name, code in ((TARGET, 0), (TARGET.upper(), 0), ("iqn.2026-11.com.example:other", 1)):
        own = suite.file("own", f"outgoing user-a {SECRET_A}\nincoming disk secret-of-disk {name}\n")
        run(BIN / "iscsi-initiator", "capacity", "--retry", 0, "--initiator", A, "--auth", own, f"{server.url}/{TARGET}/0", ok=[code])


@suite.test("secrets are read again on SIGHUP, and a file that is wrong changes nothing")
def again():
    path = ties("again")
    server = suite.serve("--auth", path, "--target", TARGET, "--lun", "0=ram:1M")

    def hup(text, said=None):
        before = len(server.text())
        suite.file("again", text) if text is not None else os.unlink(path)
        server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 20
        while said and said not in server.text()[before:] and time.monotonic() < end:
            time.sleep(0.05)
        expect(not said or said in server.text()[before:], said, "is not told:", server.text())
        time.sleep(0.2)

    with log_in(server.port, "user-a", SECRET_A, A) as stays:
        for text, said in ((f"incoming user-b {SECRET_B}\nincoming user-a short\n", "line 2: the secret has fewer"),
                           ("# nothing\n", "has no line"), (f"incoming user-b {SECRET_B} a,b\n", "line 1"),
                           (f"incoming user-b {SECRET_B}\0 {B}\n", "NUL"), (None, "No such file")):
            hup(text, said)
            log_in(server.port, "user-a", SECRET_A, A.replace(":a", ":a2")).close()
            expect(refused(server.port, "user-b", SECRET_B, A) == "0201", "B as A after", text)
        hup(f"incoming user-a {SECRET_A[::-1]}\n")
        expect(refused(server.port, "user-a", SECRET_A, A) == "0201", "the old secret")
        expect(refused(server.port, "user-b", SECRET_B, B) == "0201", "a user that is gone")
        log_in(server.port, "user-a", SECRET_A[::-1], B).close()
        expect(ready(stays) == 0, "a session that was there goes on")


@suite.test("TARGET COLD RESET ends the sessions of all initiators of that target, and of no other")
def cold_reset():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M", "--target", TARGET + "2", "--lun", "0=ram:1M")
    peers = [Peer(server.port) for _ in range(4)]
    for p, target in zip(peers, (TARGET, TARGET, TARGET, TARGET + "2")):
        suite.open.callback(p.close)
        p.login(target, name=f"iqn.2026-11.org.example:{id(p)}")
        expect(ready(p) == 0, "ready")
    asks = peers[0]
    asks.send(header(OP["task"], 0x80 | 7, itt=asks.tag(), words=(0xffffffff, asks.cmdsn, asks.expstatsn, asks.cmdsn)))
    asks.cmdsn += 1
    answer = asks.receive()
    expect((answer.opcode, answer.response) == (0x22, 0), "its answer:", answer)
    expect(asks.closed() and peers[1].closed() and peers[2].closed(), "sessions that are still open")
    expect(ready(peers[3]) == 0, "the other target's session goes on")
    initiator("capacity", f"{server.url}/{TARGET}/0")


def text_answered(p):
    p.send(header(OP["text"], 0x80, data_len=16, itt=p.tag(), words=(0xffffffff, p.cmdsn, p.expstatsn)) + pad(b"SendTargets=All\0"))
    p.cmdsn += 1
    try:
        return p.receive().opcode == TEXT_RESPONSE
    except (Closed, ConnectionError):
        return False


@suite.test("an unnamed discovery session takes the place of the last of its initiator and ISID, whichever thread has it")
def discovery():
    for threads in (1, 4):
        server = suite.serve("--threads", threads, "--target", TARGET, "--lun", "0=ram:1M")

        def discover(name, isid=ISID):
            p = Peer(server.port)
            step(p, 0x87, {"InitiatorName": name, "SessionType": "Discovery"}, isid)
            return p

        others = [discover(B), discover(A, ISID[:5] + b"\x08")]
        last = discover(A)
        for _ in range(12):
            newer = discover(A)
            expect(last.closed(), "the older session is not ended,", threads, "threads")
            last = newer
        expect(text_answered(last), "the newest one lives")
        for p in others:
            expect(text_answered(p), "another's session was ended")


def told(server, url):
    lines = initiator("discover", "--retry", 0, url).splitlines()
    return sorted(line.split()[1] for line in lines)


def ports(server):
    return dict(re.findall(r"^listening on (\S+):(\d+)$", server.text(), re.M))


@suite.test("a wildcard portal is told as the address that the initiator came to, and to its family alone")
def wildcards():
    server = suite.serve("--listen", "[::]:0", "--listen", "127.0.0.1:0", "--target", TARGET, "--lun", "0=ram:1M", host="0.0.0.0")
    four = re.search(r"listening on 0\.0\.0\.0:(\d+)", server.text())[1]
    six = re.search(r"listening on \[::\]:(\d+)", server.text())[1]
    home = re.search(r"listening on 127\.0\.0\.1:(\d+)", server.text())[1]
    expect(told(server, f"iscsi://127.0.0.1:{four}") == sorted([f"127.0.0.1:{four},1", f"127.0.0.1:{home},1"]),
           told(server, f"iscsi://127.0.0.1:{four}"))
    expect(told(server, f"iscsi://127.0.0.2:{four}") == sorted([f"127.0.0.2:{four},1", f"127.0.0.1:{home},1"]), "by another address")
    expect(told(server, f"iscsi://[::1]:{six}") == sorted([f"[::1]:{six},1", f"127.0.0.1:{home},1"]),
           told(server, f"iscsi://[::1]:{six}"))


LINK = """set -e
ip link set lo up; ip addr add fe80::5/64 dev lo nodad; ip addr add 192.0.2.7/32 dev lo; ip addr add 2001:db8::7/128 dev lo nodad
"$BIN"/iscsi-target --listen '[::]:3260' --listen '[fe80::5%lo]:3261' --listen 127.0.0.1:3262 --listen 0.0.0.0:3263 \\
  --target iqn.2026-11.com.example:f --lun 0=ram:1M >log 2>/dev/null & T=$!
"$BIN"/stp-target --listen '[fe80::5%lo]:3270' --lun 0=ram:1M >log2 2>/dev/null & S=$!
for n in $(seq 100); do [ $(cat log log2 | wc -l) = 5 ] && break; sleep 0.1; done
for u in '[fe80::5%lo]:3260' '[fe80::5%lo]:3261' '[2001:db8::7]:3260' 192.0.2.7:3263; do
  echo "$u" $("$BIN"/iscsi-initiator discover --retry 0 "iscsi://$u" | cut -d' ' -f2)
done
kill $T $S; wait
"""


@suite.test("the zone of a link-local address, and addresses of this machine alone, do not go over the wire")
def zones():
    if os.geteuid() or subprocess.run(["unshare", "-n", "ip", "link"], capture_output=True, check=False).returncode:
        raise Skipped("needs a network namespace (root)")
    out = run("unshare", "-n", "sh", "-c", f"cd {suite.folder}; {LINK}", env={"BIN": str(BIN)})
    got = {line.split()[0]: sorted(line.split()[1:]) for line in out.splitlines() if line.strip()}
    expect(got == {"[fe80::5%lo]:3260": ["[fe80::5]:3260,1", "[fe80::5]:3261,1"], "[fe80::5%lo]:3261": ["[fe80::5]:3260,1", "[fe80::5]:3261,1"],
                   "[2001:db8::7]:3260": ["[2001:db8::7]:3260,1"], "192.0.2.7:3263": ["192.0.2.7:3263,1"]}, out)


@suite.test("a v4 range written as v6 (mapped) holds for v4 clients, bit by bit")
def mapped():
    for words, code in ((("--allow", "::ffff:127.0.0.1"), 0), (("--allow", "::ffff:127.0.0.0/104"), 0), (("--allow", "::ffff:10.0.0.0/104"), 1),
                        (("--allow", "127.0.0.0/31"), 0), (("--allow", "127.0.0.2/31"), 1), (("--allow", "::/0"), 1)):
        server = suite.serve(*words, "--target", TARGET, "--lun", "0=ram:1M")
        run(BIN / "iscsi-initiator", "capacity", "--retry", 0, "--timeout", 5, f"{server.url}/{TARGET}/0", ok=[code])


@suite.test("--set behind --target is what before it is: checked alike, and kept")
def set_behind():
    for words in (("--set", "DataPDUInOrder=No", "--target", TARGET), ("--target", TARGET, "--set", "DataPDUInOrder=No")):
        server = suite.serve(*words, "--lun", "0=ram:1M")
        run(BIN / "iscsi-initiator", "capacity", "--retry", 0, f"{server.url}/{TARGET}/0")


suite.run()
