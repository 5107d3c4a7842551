#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Requirements that a library cannot keep alone, because the program around it decides: the tools are such programs. Each test is named in docs/conformance.tsv; the initiator's are judged by what a relay saw of it, the target's by raw peers."""
import re
import signal
import struct

from harness import BIN, SECRET, TARGET, USER, Suite, expect, initiator, run
from hostile_target_kit import Target
from peer import (ASYNC, DATA_IN, LOGIN_RESPONSE, LOGOUT_RESPONSE, NO_TAG, NOP_IN, OP, R2T, RESPONSE, TASK_RESPONSE, Closed, Peer, header,
                  pad)
from recorder import Recorder

suite = Suite()
ALICE, BOB = "iqn.2026-11.org.example:alice", "iqn.2026-11.org.example:bob"
TUR = bytes(6)
NACA = 0x04
ACA_ATTRIBUTE = 4
ACA_ACTIVE = 0x30
COMMANDS = (("inquiry",), ("capacity",), ("luns",), ("ping",), ("reset", "--lun"), ("read", "--lba", 0, "--blocks", 64, "--to", "/dev/null"),
            ("bench", "--op", "mixed", "--size", "4K", "--depth", 4, "--seconds", 1))


def login(port, target=TARGET, name=ALICE, isid=b"\x80\0\0\0\0\1", tsih=0, cid=1, **keys):
    """A session with an ISID of the test's choice."""
    p = Peer(port)
    text = {"InitiatorName": name, "SessionType": "Normal" if target else "Discovery", **({"TargetName": target} if target else {}), **keys}
    p.send(p.login_request(text, isid=isid, tsih=tsih, cid=cid))
    p.answer = p.receive()
    p.status = struct.unpack(">H", p.answer.bhs[36:38])[0]
    return p


def logged_in(*words, **options):
    p = login(*words, **options)
    expect(p.status == 0, f"login status {p.status:04x}")
    return p


def result(p, itt):
    """(status, data) of a command; pings of the target are answered by nobody."""
    data = b""
    while True:
        pdu = p.receive()
        if pdu.itt != itt:
            continue
        if pdu.opcode == DATA_IN:
            data += pdu.data
            if pdu.flags & 1:
                return pdu.status, data
        elif pdu.opcode == RESPONSE:
            return pdu.status, data


def settle(p, lun=0):
    """Takes the unit attentions that a new nexus meets."""
    for _ in range(4):
        if result(p, p.command(TUR, lun=lun))[0] == 0:
            return
    expect(False, "the unit does not become ready")


def task(p, function, lun=0, ref=NO_TAG):
    itt = p.tag()
    words = (ref, p.cmdsn, p.expstatsn, 0, 0, 0, 0)
    p.send(header(OP["task"], 0x80 | function, True, lun=lun, itt=itt, words=words))
    return itt


def closed(p, seconds=10):
    p.socket.settimeout(seconds)
    return p.closed()


# --- the initiator, seen by a relay ---

def recorded(server):
    recorder = Recorder(server.port)
    suite.open.callback(recorder.__exit__)
    for words in COMMANDS:
        initiator(*words, f"iscsi://127.0.0.1:{recorder.port}/{TARGET}/0")
    data = suite.random_file("data", 1 << 20)
    for command in ("write", "compare"):
        initiator(command, "--lba", 8, "--from", data, f"iscsi://127.0.0.1:{recorder.port}/{TARGET}/0")
    return recorder


def the_initiators_commands_are_simple_tasks_without_naca_and_none_of_them_is_immediate():
    requests = [r for r in recorded(suite.serve("--target", TARGET, "--lun", "0=ram:16M")).requests() if r.opcode == OP["command"]]
    expect(len(requests) > 100, len(requests), "commands seen")
    for r in requests:
        cdb = r.bhs[32:48]
        length = {0: 6, 1: 10, 2: 10, 4: 16, 5: 12}[cdb[0] >> 5]
        expect(not cdb[length - 1] & NACA and r.flags & 7 != ACA_ATTRIBUTE, "ACA in", r)
        expect(not r.bhs[0] & 0x40, "an immediate command", r)


def every_session_of_the_initiator_ends_with_a_logout_before_its_connection_does():
    recorder = recorded(suite.serve("--target", TARGET, "--lun", "0=ram:16M"))
    expect(len(recorder.connections) == len(COMMANDS) + 2, len(recorder.connections), "connections")
    for c in recorder.connections:
        expect(c.requests()[-1].opcode == OP["logout"] and c.responses()[-1].opcode == LOGOUT_RESPONSE, "the last words:",
               c.requests()[-1], c.responses()[-1])


def the_initiator_says_one_name_in_all_its_logins_and_nothing_of_the_machine_it_runs_on():
    recorder = recorded(suite.serve("--target", TARGET, "--lun", "0=ram:16M"))
    texts = [r.text() for r in recorder.requests() if r.opcode == OP["login"]]
    names = {t["InitiatorName"] for t in texts if "InitiatorName" in t}
    expect(len(names) == 1, names)
    expect(not any(key.startswith("X") for t in texts for key in t), texts)
    server = recorder.to
    with Recorder(server) as other:
        initiator("inquiry", f"iscsi://127.0.0.1:{other.port}/{TARGET}/0", "--initiator", BOB)
        expect({r.text().get("InitiatorName") for r in other.requests() if r.opcode == OP["login"]} == {BOB}, "another name was said")


def isids_of_the_initiator_have_the_form_of_rfc_7143_11_12_5_and_a_connection_that_is_made_anew_keeps_its_own():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:16M")
    forms, seen = {0: "OUI", 1: "EN", 2: "random"}, []
    with Recorder(server.port) as recorder:
        for _ in range(3):
            initiator("inquiry", f"iscsi://127.0.0.1:{recorder.port}/{TARGET}/0")
        for c in recorder.connections:
            isid = {r.bhs[8:14] for r in c.requests() if r.opcode == OP["login"]}
            expect(len(isid) == 1 and next(iter(isid))[0] >> 6 in forms, isid)
            seen.append(isid.pop())
    # each run may go on beside others, so each is an initiator port of its own
    expect(len(set(seen)) == 3, seen)
    lost = []

    def drops(c, number):
        request = c.login()
        lost.append(request.bhs[8:14])
        ping = c.receive()
        if number:
            c.answer(NOP_IN, ping)
            c.answer(LOGOUT_RESPONSE, c.receive())

    with Target(drops) as here:
        run(BIN / "iscsi-initiator", "ping", "--count", 1, "--retry", 3, "--timeout", 5, f"iscsi://127.0.0.1:{here.port}/{TARGET}/0", ok=None)
    expect(len(lost) >= 2 and len(set(lost)) == 1, lost)


def a_logout_that_is_asked_for_comes_at_once_and_no_command_after_the_question():
    after = []

    def wants_logout(c, number):
        c.login()
        ping = c.receive()
        if number:
            return
        cmdsn = struct.unpack(">I", ping.bhs[24:28])[0]
        tail = struct.pack(">IIII", NO_TAG, c.statsn, cmdsn, cmdsn + 8) + struct.pack(">BBHHHI", 1, 0, 0, 0, 5, 0)
        c.statsn += 1
        c.send(struct.pack(">BBBB", ASYNC, 0x80, 0, 0) + bytes(4) + struct.pack(">QI", 0, NO_TAG) + tail)
        c.answer(NOP_IN, ping)
        while True:
            request = c.receive()
            after.append((request.opcode, request.flags & 0x7f))
            if request.opcode == OP["logout"]:
                c.answer(LOGOUT_RESPONSE, request)
                c.closed()
                return

    with Target(wants_logout) as here:
        run(BIN / "iscsi-initiator", "ping", "--count", 5, "--retry", 1, "--timeout", 3, "--retry-for", 3,
            f"iscsi://127.0.0.1:{here.port}/{TARGET}/0", ok=None)
    expect(after and after[0][0] == OP["logout"] and after[0][1] in (0, 1), after)


# --- the target ---

def a_node_has_one_name_in_sendtargets_in_the_login_and_as_device_and_port_of_its_units():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M")
    told = re.findall(r"^(\S+) (\S+),(\d+)$", initiator("discover", server.url), re.M)
    expect([t[0] for t in told] == [TARGET], told)
    with logged_in(server.port) as p:
        settle(p)
        _, page = result(p, p.command(struct.pack(">BBBHB", 0x12, 1, 0x83, 4096, 0), 4096, read=True))
    at, names = 4, {}
    while at < len(page):
        kind, length = page[at + 1] & 0x3f, page[at + 3]
        if kind & 0x0f == 8:  # SCSI name string
            names[kind >> 4] = page[at + 4:at + 4 + length].rstrip(b"\0").decode()
        at += 4 + length
    # SPC-4 7.8.6: association 1 is the target port, 2 the target device; RFC 7143 4.4.2: NAME,t,0xTPGT
    expect(names.get(2) == TARGET, names)
    expect(names.get(1) == f"{TARGET},t,0x{int(told[0][2]):04x}", names)


def sees_event(p, seconds=10):
    """The next asynchronous message, or None where the connection ends without one."""
    p.socket.settimeout(seconds)
    try:
        while True:
            pdu = p.receive()
            if pdu.opcode == ASYNC:
                return pdu
    except (Closed, OSError):
        return None


def a_target_that_ends_says_so_by_an_asynchronous_message_before_it_closes():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M")
    with logged_in(server.port) as p:
        server.process.send_signal(signal.SIGTERM)
        event = sees_event(p)
        expect(event and event.bhs[36] in (1, 2, 3), event)


def task_management_of_one_session_waits_for_no_command_that_another_has_yet_to_send():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M")
    with logged_in(server.port) as a, logged_in(server.port, name=BOB) as b:
        settle(a)
        settle(b)
        b.command(struct.pack(">BBIBHB", 0x28, 0, 0, 0, 8, 0), 4096, read=True, cmdsn=b.cmdsn + 3)  # behind a hole
        for function in (4, 5, 6):  # CLEAR TASK SET, LOGICAL UNIT RESET, TARGET WARM RESET
            itt = task(a, function)
            while (pdu := a.receive()).itt != itt:
                pass
            expect(pdu.opcode == TASK_RESPONSE and pdu.response == 0, pdu)


def with_fastabort_the_message_about_terminated_tasks_names_their_unit():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M", "--lun", "3=ram:1M")
    lun = 3 << 48
    with logged_in(server.port) as a, logged_in(server.port, name=BOB, TaskReporting="FastAbort") as b:
        settle(a, lun)
        settle(b, lun)
        # a write whose data does not come
        itt = b.command(struct.pack(">BBIBHB", 0x2a, 0, 0, 0, 16, 0), 8192, write=True, lun=lun)
        while b.receive().opcode != R2T:
            pass
        task(a, 5, lun)
        event = sees_event(b)
        expect(event and event.bhs[36] == 5 and struct.unpack(">Q", event.bhs[8:16])[0] == lun, event, itt)


def a_cold_reset_ends_the_sessions_of_every_initiator_of_the_target_and_of_no_other():
    other = "iqn.2026-11.org.example:other"
    for threads in (1, 3):
        server = suite.serve("--threads", threads, "--target", TARGET, "--lun", "0=ram:1M", "--target", other, "--lun", "0=ram:1M")
        a, away = logged_in(server.port), logged_in(server.port, target=other)
        more = [logged_in(server.port, isid=b"\x80\0\0\0\0" + bytes([i]), name=BOB) for i in range(2, 6)]
        for p in (a, away, *more):
            settle(p)
        itt = task(a, 7)
        while (pdu := a.receive()).itt != itt:
            pass
        expect(pdu.opcode == TASK_RESPONSE and pdu.response == 0, pdu)
        for p in (a, *more):
            expect(closed(p), "a session of the target is still there")
        settle(away)
        settle(logged_in(server.port))


def auto_contingent_allegiance_is_offered_kept_and_cleared():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M")
    with logged_in(server.port) as p:
        settle(p)
        _, data = result(p, p.command(struct.pack(">BBBHB", 0x12, 0, 0, 96, 0), 96, read=True))
        expect(data[3] & 0x20, "NormACA is not set")
        beyond = struct.pack(">BBIBHB", 0x28, 0, 0x7fffffff, 0, 8, NACA)
        expect(result(p, p.command(beyond, 4096, read=True))[0] == 2, "no CHECK CONDITION")
        expect(result(p, p.command(TUR))[0] == ACA_ACTIVE, "no ACA ACTIVE")
        itt = task(p, 3)
        while (pdu := p.receive()).itt != itt:
            pass
        expect(pdu.response == 0, pdu)
        expect(result(p, p.command(TUR))[0] == 0, "the allegiance stays")


def a_session_is_reinstated_by_its_own_initiator_port_and_by_no_other():
    server = suite.serve("--target", TARGET, "--lun", "0=ram:1M")
    first, other = logged_in(server.port), logged_in(server.port, isid=b"\x80\0\0\0\0\2")
    again = logged_in(server.port)
    expect(closed(first), "the session before it is still there")
    expect(again.answer.bhs[14:16] != first.answer.bhs[14:16], "the same TSIH")
    settle(other)
    settle(again)


def an_unnamed_discovery_session_is_reinstated_at_its_own_portal_and_lives_beside_one_at_another():
    server = suite.serve("--listen", "127.0.0.1:0", "--target", TARGET, "--lun", "0=ram:1M")
    ports = [int(a.rsplit(":", 1)[1]) for a in re.findall(r"^listening on (\S+)$", server.text(), re.M)]
    expect(len(ports) == 2, server.text())
    first, there = logged_in(ports[0], target=None), logged_in(ports[1], target=None)
    again = logged_in(ports[0], target=None)
    expect(closed(first), "the discovery session before it is still there")

    def targets(p):
        data = b"SendTargets=All\0"
        p.send(header(OP["text"], 0x80, data_len=len(data), itt=p.tag(), words=(NO_TAG, p.cmdsn, p.expstatsn)) + pad(data))
        return p.receive()

    for p in (there, again):
        expect(TARGET.encode() in targets(p).data, "no answer at", p)


def a_second_connection_of_a_session_is_not_let_in_without_the_proof_and_the_identity_of_the_first():
    auth = suite.file("auth", f"incoming {USER} {SECRET}\nincoming other another-secret1\n")
    server = suite.serve("--auth", auth, "--target", TARGET, "--lun", "0=ram:1M")
    with Peer(server.port) as p:
        p.send(p.login_request({"InitiatorName": ALICE, "SessionType": "Normal", "TargetName": TARGET, "AuthMethod": "None"}, tsih=1, cid=2))
        pdu = p.receive()
        expect(pdu.opcode == LOGIN_RESPONSE and pdu.bhs[36] == 2, pdu)


# --- secrets ---

def secrets_are_taken_by_the_rules_long_enough_one_for_each_not_the_same_in_both_directions():
    def wrong(content, *words):
        out = run(BIN / "iscsi-target", "--listen", "192.0.2.1:1", "--auth", suite.file("wrong", content), "--target", TARGET, "--lun", "0=ram:1M",
                  ok=[2])
        for word in words:
            expect(word in out, content, "->", out)
        expect(SECRET not in out, "the secret is printed:", out)

    wrong("incoming a short\n", "fewer than 12")
    wrong(f"incoming a {SECRET}\noutgoing b {SECRET}\n", "one secret")
    run(BIN / "iscsi-initiator", "inquiry", "--auth", suite.file("wrong", f"incoming a {SECRET}\noutgoing b {SECRET}\n"),
        f"iscsi://127.0.0.1:1/{TARGET}/0", ok=[2])


def a_secret_lets_in_the_initiator_that_it_is_tied_to_and_no_other():
    auth = suite.file("tied", f"incoming alice-user alice-secret-12 {ALICE}\nincoming bob-user bobs-secret-1234 {BOB}\n")
    server = suite.serve("--auth", auth, "--target", TARGET, "--lun", "0=ram:1M")
    bob = suite.file("bob", "outgoing bob-user bobs-secret-1234\n")
    url = f"{server.url}/{TARGET}/0"
    initiator("inquiry", "--auth", bob, "--initiator", BOB, url)
    out = initiator("inquiry", "--auth", bob, "--initiator", ALICE, "--retry", 0, url, ok=[1])
    expect("uth" in out, out)


def one_secret_of_two_initiators_is_warned_of():
    auth = suite.file("twins", f"incoming a {SECRET} {ALICE}\nincoming b {SECRET} {BOB}\n")
    server = suite.serve("--auth", auth, "--target", TARGET, "--lun", "0=ram:1M")
    expect("one secret" in server.text() and SECRET not in server.text(), server.text())


def each_target_may_have_secrets_of_its_own():
    one, two = "iqn.2026-11.org.example:one", "iqn.2026-11.org.example:two"
    server = suite.serve("--target", one, "--auth", suite.file("one", "incoming u first-secret-12\n"), "--lun", "0=ram:1M",
                         "--target", two, "--auth", suite.file("two", "incoming u second-secret12\n"), "--lun", "0=ram:1M")
    asks = suite.file("asks", "outgoing u first-secret-12\n")
    initiator("inquiry", "--auth", asks, f"{server.url}/{one}/0")
    out = initiator("inquiry", "--auth", asks, "--retry", 0, f"{server.url}/{two}/0", ok=[1])
    expect("uthentication" in out, out)


def a_new_secret_has_128_random_bits_is_another_each_time_and_is_taken():
    made = {run(BIN / "iscsi-target", "--new-secret").strip() for _ in range(3)}
    expect(len(made) == 3 and all(re.fullmatch(r"[0-9a-f]{32}", s) for s in made), made)
    secret = made.pop()
    server = suite.serve("--auth", suite.file("in", f"incoming {USER} {secret}\n"), "--target", TARGET, "--lun", "0=ram:1M")
    initiator("inquiry", "--auth", suite.file("out", f"outgoing {USER} {secret}\n"), f"{server.url}/{TARGET}/0")


def who_serves_everybody_on_an_open_network_without_chap_is_told_so():
    def words(*options):
        server = suite.serve("--target", TARGET, "--lun", "0=ram:1M", *options)
        return server.text()

    auth = suite.file("in", f"incoming {USER} {SECRET}\n")
    expect("--auth" in words("--listen", "0.0.0.0:0"), "no warning")
    expect("--auth" not in words(), "a warning for 127.0.0.1")
    expect("--auth" not in words("--listen", "0.0.0.0:0", "--auth", auth), "a warning in spite of CHAP")


# what docs/conformance.tsv names
for row in (the_initiators_commands_are_simple_tasks_without_naca_and_none_of_them_is_immediate,
            every_session_of_the_initiator_ends_with_a_logout_before_its_connection_does,
            the_initiator_says_one_name_in_all_its_logins_and_nothing_of_the_machine_it_runs_on,
            isids_of_the_initiator_have_the_form_of_rfc_7143_11_12_5_and_a_connection_that_is_made_anew_keeps_its_own,
            a_logout_that_is_asked_for_comes_at_once_and_no_command_after_the_question,
            a_node_has_one_name_in_sendtargets_in_the_login_and_as_device_and_port_of_its_units,
            a_target_that_ends_says_so_by_an_asynchronous_message_before_it_closes,
            task_management_of_one_session_waits_for_no_command_that_another_has_yet_to_send,
            with_fastabort_the_message_about_terminated_tasks_names_their_unit,
            a_cold_reset_ends_the_sessions_of_every_initiator_of_the_target_and_of_no_other,
            auto_contingent_allegiance_is_offered_kept_and_cleared,
            a_session_is_reinstated_by_its_own_initiator_port_and_by_no_other,
            an_unnamed_discovery_session_is_reinstated_at_its_own_portal_and_lives_beside_one_at_another,
            a_second_connection_of_a_session_is_not_let_in_without_the_proof_and_the_identity_of_the_first,
            secrets_are_taken_by_the_rules_long_enough_one_for_each_not_the_same_in_both_directions,
            a_secret_lets_in_the_initiator_that_it_is_tied_to_and_no_other,
            one_secret_of_two_initiators_is_warned_of,
            each_target_may_have_secrets_of_its_own,
            a_new_secret_has_128_random_bits_is_another_each_time_and_is_taken,
            who_serves_everybody_on_an_open_network_without_chap_is_told_so):
    suite.test(row.__name__.replace("_", " "))(row)
suite.run()
