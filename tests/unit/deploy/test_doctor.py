"""The doctor finds what is not as it must be, names it, and takes nothing unanswered for wrong."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rrset
import msgspec
import pytest

from sekisho import dns_questions
from sekisho.config import Settings, settings
from sekisho.deploy.doctor import dns_checks, dovecot_checks, host_checks, postfix_checks
from sekisho.deploy.doctor.findings import Finding, Verdict, worst

B = "/b"
POLICY = "check_policy_service { inet:127.0.0.1:10031, timeout=3s, default_action=DUNNO }"
SASL = f"check_sasl_access lmdb:{B}/sasl"
MAIN = {
    "enable_long_queue_ids": "yes",
    "smtpd_policy_service_timeout": "100s",
    "smtpd_recipient_restrictions": f"check_recipient_access lmdb:{B}/rcpt, reject_unauth_destination",
    "smtpd_relay_restrictions": "reject_unauth_destination",
    "transport_maps": f"lmdb:{B}/transport, inline:{{ {{a@b.test = x:}} }}",
    "virtual_alias_maps": f"lmdb:{B}/identity, sqlite:/site/alias.cf",
    "smtpd_authorized_xclient_hosts": "",
}
SUBMISSION = {
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_relay_restrictions": "permit_sasl_authenticated,reject",
    "smtpd_sender_restrictions": f"{SASL},reject_sender_login_mismatch",
    "smtpd_recipient_restrictions": f"{SASL}, {POLICY}",
    "smtpd_data_restrictions": SASL,
    "smtpd_end_of_data_restrictions": f"{SASL}, {POLICY}",
}


@pytest.fixture
def host() -> Settings:
    guard = msgspec.structs.replace(
        settings().guard,
        policy=msgspec.structs.replace(settings().guard.policy, port=10031),
        auth_policy=msgspec.structs.replace(settings().guard.auth_policy, port=10040),
    )
    return msgspec.structs.replace(settings(), barrier=B, guard=guard)


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {finding.name: finding.verdict for finding in findings if finding.verdict}


def postfix(main: dict[str, str] | None = None, submission: dict[str, str] | None = None) -> postfix_checks.Postfix:
    """As postconf prints it: an MX, submission and a re-injection on loopback."""
    return postfix_checks.parse(
        "\n".join(f"{name} = {value}" for name, value in {**MAIN, **(main or {})}.items()),
        "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd -o x=y\n127.0.0.1:10025 inet n - y - - smtpd\n"
        "pickup unix n - y 60 1 pickup",
        "\n".join(f"submission/inet/{name} = {value}" for name, value in {**SUBMISSION, **(submission or {})}.items())
        + "\n127.0.0.1:10025/inet/smtpd_recipient_restrictions ="
        + "\n127.0.0.1:10025/inet/smtpd_relay_restrictions = permit_mynetworks,reject",
    )


def test_a_postfix_with_the_barrier_first_everywhere_is_well(host: Settings) -> None:
    assert verdicts(postfix_checks.judge(postfix(), host)) == {}


@pytest.mark.parametrize(
    ("main", "submission", "found"),
    [
        ({"smtpd_recipient_restrictions": f"permit_mynetworks, check_recipient_access lmdb:{B}/rcpt"}, {}, "inbound"),
        ({"virtual_alias_maps": f"sqlite:/site/alias.cf, lmdb:{B}/identity"}, {}, "aliases"),
        ({"transport_maps": ""}, {}, "transport"),
        ({}, {"smtpd_sender_restrictions": f"reject_sender_login_mismatch, {SASL}"}, "submission"),
        ({}, {"smtpd_data_restrictions": ""}, "submission"),
        ({}, {"smtpd_end_of_data_restrictions": SASL}, "guard"),
        ({}, {"smtpd_recipient_restrictions": f"{SASL}, check_policy_service inet:127.0.0.1:10031"}, "deadline"),
        ({}, {"smtpd_recipient_restrictions": f"{SASL}, {POLICY.replace('DUNNO', 'DEFER')}"}, "deadline"),
        ({"enable_long_queue_ids": "no"}, {}, "queue_ids"),
    ],
)
def test_each_damage_to_postfix_is_a_failure_by_its_name(
    host: Settings, main: dict[str, str], submission: dict[str, str], found: str
) -> None:
    assert verdicts(postfix_checks.judge(postfix(main, submission), host)) == {f"postfix.{found}": Verdict.FAIL}


def test_a_stranger_who_may_claim_client_addresses_is_a_warning(host: Settings) -> None:
    found = postfix_checks.judge(postfix({"smtpd_authorized_xclient_hosts": "127.0.0.1, 192.0.2.9"}), host)
    assert verdicts(found) == {"postfix.trusted": Verdict.WARN}


VALUES = """auth_policy_server_url = http://127.0.0.1:10040/auth
auth_policy_server_timeout_msecs = 1000
auth_policy_check_after_auth = yes
auth_policy_report_after_auth = yes
auth_policy_reject_on_fail = no
login_trusted_networks = 127.0.0.1/32
"""
WHOLE = f"""# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf
passdb {{
  args = username_format=%u {B}/deny
  deny = yes
  driver = passwd-file
}}
passdb {{
  args = /etc/dovecot/sql.conf
  driver = sql
}}
userdb {{
  args = username_format=%s/%u {B}/lmtp
  driver = passwd-file
}}
"""


def test_a_dovecot_with_deny_first_is_well(host: Settings) -> None:
    found = dovecot_checks.parse(VALUES, WHOLE)
    assert found.version == "2.3.19.1"
    assert verdicts(dovecot_checks.judge(found, host)) == {}


@pytest.mark.parametrize(
    ("old", "new", "found", "verdict"),
    [
        ("deny = yes", "deny = no", "deny", Verdict.FAIL),
        (f"{B}/deny", "/elsewhere/deny", "deny", Verdict.FAIL),
        (f"{B}/lmtp", "/elsewhere/lmtp", "lmtp", Verdict.WARN),
        (":10040/", ":10041/", "guard", Verdict.FAIL),
        ("report_after_auth = yes", "report_after_auth = no", "guard", Verdict.FAIL),
        ("msecs = 1000", "msecs = 5000", "deadline", Verdict.FAIL),
        ("reject_on_fail = no", "reject_on_fail = yes", "deadline", Verdict.FAIL),
        ("networks = 127.0.0.1/32", "networks = 10.0.0.0/8", "trusted", Verdict.WARN),
    ],
)
def test_each_damage_to_dovecot_is_found_by_its_name(
    host: Settings, old: str, new: str, found: str, verdict: Verdict
) -> None:
    damaged = dovecot_checks.parse(VALUES.replace(old, new), WHOLE.replace(old, new))
    assert verdicts(dovecot_checks.judge(damaged, host)) == {f"dovecot.{found}": verdict}


# As doveconf of 2.4.1 prints it.
VALUES_24 = """auth_policy {
  check_after_auth = yes
  hash_nonce = # hidden, use -P to show it
  reject_on_fail = no
  report_after_auth = yes
  request_attributes {
    login = %{requested_username}
    check_after_auth = no
  }
  server_url = http://127.0.0.1:10040/auth
  http_client_request_absolute_timeout = 1s
}
login_trusted_networks = 127.0.0.1/32
"""
WHOLE_24 = f"""# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf
# Pigeonhole version 2.4.1-4 (0a86619f)
dovecot_config_version = 2.4.1
service auth {{
  unix_listener auth-userdb {{
    mode = 0666
  }}
}}
passdb sekisho-deny {{
  auth_username_format = %{{user}}
  deny = yes
  driver = passwd-file
  passwd_file_path = {B}/deny
}}
passdb site {{
  driver = sql
  sql_query = SELECT 1
}}
userdb sekisho-lmtp {{
  auth_username_format = %{{protocol}}/%{{user}}
  passwd_file_path = {B}/lmtp
}}
"""


def test_a_dovecot_2_4_with_deny_first_is_well(host: Settings) -> None:
    found = dovecot_checks.parse_24(VALUES_24, WHOLE_24)
    assert (found.version, found.is_24) == ("2.4.1-4", True)
    assert verdicts(dovecot_checks.judge(found, host)) == {}


@pytest.mark.parametrize(
    ("old", "new", "found", "verdict"),
    [
        ("deny = yes", "deny = no", "deny", Verdict.FAIL),
        (f"{B}/deny", "/elsewhere/deny", "deny", Verdict.FAIL),
        ("passdb sekisho-deny {", "passdb another {\n  driver = pam\n}\npassdb sekisho-deny {", "deny", Verdict.FAIL),
        (f"{B}/lmtp", "/elsewhere/lmtp", "lmtp", Verdict.WARN),
        (":10040/", ":10041/", "guard", Verdict.FAIL),
        ("report_after_auth = yes", "report_after_auth = no", "guard", Verdict.FAIL),
        ("timeout = 1s", "timeout = 2s", "deadline", Verdict.FAIL),
        ("timeout = 1s", "timeout = 5 mins", "deadline", Verdict.FAIL),
        ("reject_on_fail = no", "reject_on_fail = yes", "deadline", Verdict.FAIL),
        ("networks = 127.0.0.1/32", "networks = 10.0.0.0/8", "trusted", Verdict.WARN),
    ],
)
def test_each_damage_to_dovecot_2_4_is_found_and_its_repair_is_in_its_own_words(
    host: Settings, old: str, new: str, found: str, verdict: Verdict
) -> None:
    assert old in VALUES_24 + WHOLE_24
    damaged = dovecot_checks.parse_24(VALUES_24.replace(old, new), WHOLE_24.replace(old, new))
    findings = dovecot_checks.judge(damaged, host)
    assert verdicts(findings) == {f"dovecot.{found}": verdict}
    assert not any("args=" in text or "msecs" in text for finding in findings for text in finding.repair)


def test_a_program_that_is_missing_is_a_failure_and_no_trace(host: Settings, tmp_path: Path) -> None:
    lost = msgspec.structs.replace(
        host, postfix=msgspec.structs.replace(host.postfix, config_directory=str(tmp_path / "none"))
    )
    assert worst(postfix_checks.check(lost)) == Verdict.FAIL


def test_a_log_of_another_program_is_no_mail_log(host: Settings, tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_text("kernel: all is well\n" * 5)
    looked = msgspec.structs.replace(host, postfix=msgspec.structs.replace(host.postfix, mail_log=str(log)))
    assert host_checks.mail_log(looked, log.stat().st_mtime).verdict == Verdict.FAIL
    log.write_text("Nov  2 10:00:00 mx postfix/smtpd[1]: connect from x[192.0.2.1]\n")
    assert host_checks.mail_log(looked, log.stat().st_mtime).verdict == Verdict.OK
    assert host_checks.mail_log(looked, log.stat().st_mtime + 2 * 86_400).verdict == Verdict.FAIL


def test_a_barrier_that_others_may_write_is_a_failure(host: Settings, tmp_path: Path) -> None:
    for name in host_checks.BARRIER_FILES:
        (tmp_path / name).touch(0o644)
    (tmp_path / "deny").chmod(0o666)
    found = host_checks.barrier(msgspec.structs.replace(host, barrier=str(tmp_path)))
    assert found.verdict == Verdict.FAIL and "deny" in found.evidence[0]


def test_a_host_without_a_backup_of_these_days_is_warned() -> None:
    assert host_checks.backups(None, 1e9).verdict == Verdict.WARN
    assert host_checks.backups(1e9 - 47 * 3600, 1e9).verdict == Verdict.OK
    old = host_checks.backups(1e9 - 72 * 3600, 1e9)
    assert (old.verdict, old.evidence[0]) == (Verdict.WARN, "the newest was made 72 hours ago")


def test_a_dovecot_that_cannot_be_told_to_forget_passwords_is_a_failure(
    host: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doveadm = tmp_path / "doveadm"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for words, verdict in (
        ("echo '0 cache entries flushed'", Verdict.OK),
        ("echo 'Error: connect(auth-master) failed' >&2; exit 75", Verdict.FAIL),
        ("true", Verdict.FAIL),
    ):
        doveadm.write_text(f"#!/bin/sh\n{words}\n")
        doveadm.chmod(0o755)
        found = dovecot_checks.auth_cache(host)
        assert (found.name, found.verdict) == ("dovecot.auth_cache", verdict)


def test_a_silent_process_is_a_failure(host: Settings, tmp_path: Path) -> None:
    (tmp_path / "guard").mkdir()
    told = tmp_path / "guard" / "status.json"
    told.write_text('{"alarms": []}')
    there = msgspec.structs.replace(host, var=str(tmp_path))
    now = told.stat().st_mtime
    assert [f.verdict for f in host_checks.processes(there, now + 1)] == [Verdict.OK, Verdict.FAIL, Verdict.FAIL]
    assert host_checks.processes(there, now + 60)[0].verdict == Verdict.FAIL
    told.write_text('{"alarms": ["the log is not readable"]}')
    assert "not readable" in host_checks.processes(there, now)[0].evidence[0]


# --- the DNS, by a real server on loopback

ZONE = {
    ("ours.test.", "MX"): ["10 mx01.host.test."],
    ("ours.test.", "TXT"): ['"v=spf1 " "mx -all"'],
    ("_dmarc.ours.test.", "TXT"): ['"v=DMARC1; p=none"'],
    ("_mta-sts.ours.test.", "TXT"): ['"v=STSv1; id=1"'],
    ("s1._domainkey.ours.test.", "TXT"): ['"v=DKIM1; p=AAAA"'],
    ("away.test.", "MX"): ["10 mx.elsewhere.test."],
    ("10.2.0.192.in-addr.arpa.", "PTR"): ["mx01.host.test."],
    ("mx01.host.test.", "A"): ["192.0.2.10"],
    ("11.2.0.192.in-addr.arpa.", "PTR"): ["mx02.host.test."],
    ("11.2.0.192.list.test.", "A"): ["127.0.0.2"],
    ("10.2.0.192.angry.test.", "A"): ["127.255.255.254"],
}


def _answer(question: bytes) -> bytes | None:
    query = dns.message.from_wire(question)
    asked = query.question[0]
    name, kind = str(asked.name), dns.rdatatype.to_text(asked.rdtype)
    if name.startswith("silent."):
        return None
    reply = dns.message.make_response(query)
    if records := ZONE.get((name, kind)):
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *records))
    elif not any(known == name for known, _ in ZONE):
        reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply.to_wire()


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Iterator[dns_checks.Lookup]:
    monkeypatch.setattr(dns_questions, "QUESTION_S", 0.3)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            question, client = server.recvfrom(4096)
            if question == b"end":
                return
            if (reply := _answer(question)) is not None:
                server.sendto(reply, client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = server.getsockname()[1]
    yield dns_checks.resolver_lookup("127.0.0.1", port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"end", ("127.0.0.1", port))
    thread.join(timeout=5)
    server.close()


def test_a_domain_with_all_its_records_is_well(look: dns_checks.Lookup) -> None:
    assert verdicts(dns_checks.domains(look, ["ours.test"], ["MX01.host.test"])) == {}
    assert dns_checks.dkim(look, ["ours.test"], ["s0", "s1"]).verdict == Verdict.OK


def test_missing_records_are_named_by_domain(look: dns_checks.Lookup) -> None:
    found = dns_checks.domains(look, ["ours.test", "away.test"], ["mx01.host.test"])
    assert verdicts(found) == dict.fromkeys(("dns.mx", "dns.spf", "dns.dmarc", "dns.mta_sts"), Verdict.WARN)
    assert all("away.test" in finding.evidence[0] and "ours.test" not in finding.evidence[0] for finding in found)


def test_an_answer_that_never_comes_is_unknown_and_not_missing(look: dns_checks.Lookup) -> None:
    found = dns_checks.domains(look, ["silent.test"], ["mx01.host.test"])
    assert "1 of 1 not answered" in found[0].evidence[0]


def test_a_name_must_lead_back_to_its_address(look: dns_checks.Lookup) -> None:
    assert dns_checks.reverse_names(look, ["192.0.2.10"]).verdict == Verdict.OK
    assert "192.0.2.11" in dns_checks.reverse_names(look, ["192.0.2.10", "192.0.2.11"]).evidence[0]


def test_a_listing_is_told_from_a_blocklists_error_code(look: dns_checks.Lookup) -> None:
    assert dns_checks.blocklists(look, ["192.0.2.10"], ["list.test"]).verdict == Verdict.OK
    listed = dns_checks.blocklists(look, ["192.0.2.10", "192.0.2.11"], ["list.test"])
    assert listed.verdict == Verdict.FAIL and "192.0.2.11 (list.test: 127.0.0.2)" in listed.evidence[0]
    angry = dns_checks.blocklists(look, ["192.0.2.10"], ["angry.test"])
    assert angry.verdict == Verdict.WARN and "not answered" in angry.evidence[0]


def test_a_log_that_dovecot_made_for_root_alone_is_found(host: Settings, tmp_path: Path) -> None:
    log = tmp_path / "dovecot.log"
    looked = msgspec.structs.replace(host, dovecot=msgspec.structs.replace(host.dovecot, log=str(log)))
    assert host_checks.dovecot_log(looked).verdict == Verdict.WARN
    log.touch(0o600)
    found = host_checks.dovecot_log(looked)
    assert found.verdict == Verdict.FAIL and f"chmod 640 {log}" in found.repair[0]
    log.chmod(0o640)
    shutil.chown(log, group="adm")
    assert host_checks.dovecot_log(looked).verdict == Verdict.OK
    shutil.chown(log, group="mail")
    assert host_checks.dovecot_log(looked).verdict == Verdict.FAIL
    log.chmod(0o644)
    assert host_checks.dovecot_log(looked).verdict == Verdict.OK
