"""What the world reads about our domains and addresses in the DNS.

Each question has a deadline; what the resolver does not answer is told as unknown, never as wrong. Nothing is sent to
anybody but the resolver (docs/doctor.md).
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence

from sekisho import dns_questions
from sekisho.config import Settings
from sekisho.deploy.doctor.findings import Finding, Verdict, ok

# All questions together; a resolver that is away must not hold the doctor for an hour at a host of 2,000 domains.
ALL_QUESTIONS_S = 60.0
# Domains named in a line of evidence; more are counted.
MOST_NAMED = 5
# The records of a name and type, as texts; None: the resolver gave no answer.
Lookup = Callable[[str, str], "list[str] | None"]


def resolver_lookup(nameserver: str = "", port: int = 53) -> Lookup:
    """A Lookup by the system's resolver, or by one of the operator's."""
    asked = dns_questions.make_resolver(nameserver, port)
    until = time.monotonic() + ALL_QUESTIONS_S

    def look(name: str, kind: str) -> list[str] | None:
        if time.monotonic() > until:
            return None
        answer = dns_questions.ask(asked, name, kind)
        return list(answer.records) if answer.kind == "records" else None

    return look


def _summary(
    name: str, missing: Sequence[str], unknown: int, total: int, words: tuple[str, str], repair: tuple[str, str]
) -> Finding:
    """One finding over all domains: which lack something, how many could not be asked."""
    left = f"; {unknown} not answered" if unknown else ""
    left_ja = f"、未回答 {unknown}" if unknown else ""
    if missing:
        more = f" (+{len(missing) - MOST_NAMED})" if len(missing) > MOST_NAMED else ""
        named = ", ".join(missing[:MOST_NAMED]) + more
        return Finding(name, Verdict.WARN, (f"{words[0]}: {named}{left}", f"{words[1]}: {named}{left_ja}"), repair)
    if unknown:
        return Finding(name, Verdict.WARN, (f"{unknown} of {total} not answered", f"{total} 件中 {unknown} 件が未回答"),
                       ("check the resolver (/etc/resolv.conf)", "リゾルバー (/etc/resolv.conf) を確認"))  # fmt: skip
    return ok(name, f"all {total}", f"{total} 件すべて設定済み")


def _over_domains(
    name: str,
    domains: Sequence[str],
    has: Callable[[str], bool | None],
    words: tuple[str, str],
    repair: tuple[str, str],
) -> Finding:
    answers = {domain: has(domain) for domain in domains}
    missing = [domain for domain, answer in answers.items() if answer is False]
    unknown = sum(answer is None for answer in answers.values())
    return _summary(name, missing, unknown, len(domains), words, repair)


def _text_with(look: Lookup, name: str, start: str) -> bool | None:
    found = look(name, "TXT")
    return None if found is None else any(text.lower().startswith(start) for text in found)


def domains(look: Lookup, names: Sequence[str], servers: Iterable[str]) -> list[Finding]:
    """MX, SPF, DMARC and MTA-STS of the mail domains; `servers` are the host names that are ours."""
    ours = {server.lower().rstrip(".") for server in servers if server}

    def leads_here(domain: str) -> bool | None:
        found = look(domain, "MX")
        return None if found is None else any(text.split()[-1].lower().rstrip(".") in ours for text in found)

    listed = ", ".join(sorted(ours))
    return [
        _over_domains("dns.mx", names, leads_here,
            ("no MX leads to a server of ours", "MX が当サーバーを指していません"),
            (f"an MX record to one of {listed}", f"MX レコードを {listed} へ向ける")),
        _over_domains("dns.spf", names, lambda name: _text_with(look, name, "v=spf1"),
            ("no SPF record", "SPF がありません"), ('TXT "v=spf1 mx -all"',) * 2),
        _over_domains("dns.dmarc", names, lambda name: _text_with(look, f"_dmarc.{name}", "v=dmarc1"),
            ("no DMARC record", "DMARC がありません"), ('TXT at _dmarc: "v=DMARC1; p=quarantine; rua=mailto:…"',) * 2),
        _over_domains("dns.mta_sts", names, lambda name: _text_with(look, f"_mta-sts.{name}", "v=stsv1"),
            ("no MTA-STS record", "MTA-STS がありません"), ("RFC 8461: TXT at _mta-sts and the policy file",) * 2),
    ]  # fmt: skip


def dkim(look: Lookup, names: Sequence[str], selectors: Sequence[str]) -> Finding:
    """Whether each domain publishes a key under one of our selectors."""

    def has_key(domain: str) -> bool | None:
        answers = [look(f"{selector}._domainkey.{domain}", "TXT") for selector in selectors]
        if any("p=" in text for answer in answers if answer for text in answer):
            return True
        return None if any(answer is None for answer in answers) else False

    return _over_domains("dns.dkim", names, has_key, ("no DKIM key", "DKIM の鍵がありません"),
                         (f"TXT at {selectors[0]}._domainkey with the signer's public key",) * 2)  # fmt: skip


def reverse_names(look: Lookup, addresses: Sequence[str]) -> Finding:
    """Whether each own address has a name that leads back to it (RFC 1912, section 2.1)."""
    missing, unknown = [], 0
    for address in addresses:
        pointer = ipaddress.ip_address(address).reverse_pointer
        names = look(pointer, "PTR")
        if names is None:
            unknown += 1
            continue
        kind = "AAAA" if ":" in address else "A"
        back = [text for name in names for text in look(name.rstrip("."), kind) or ()]
        if address not in back:
            missing.append(address)
    words = ("no name leads there and back", "逆引きが一致しません")
    repair = (
        "ask the network's provider for a PTR record of the mail server's name",
        "回線事業者に、メールサーバー名の PTR レコードを依頼",
    )
    return _summary("dns.ptr", missing, unknown, len(addresses), words, repair)


def blocklists(look: Lookup, addresses: Sequence[str], zones: Sequence[str]) -> Finding:
    """Whether a blocklist lists one of our addresses; its error codes are no listings (RFC 5782)."""
    listed, unknown = [], 0
    for zone in zones:
        for address in addresses:
            found = look(dns_questions.list_name(address, zone), "A")
            answer = (
                dns_questions.Answer("unanswered") if found is None else dns_questions.Answer("records", tuple(found))
            )
            match dns_questions.judge(answer):
                case "listed":
                    listed.append(f"{address} ({zone}: {', '.join(answer.records)})")
                case "clean":
                    pass
                case _:
                    unknown += 1
    if listed:
        named = "; ".join(listed)
        repair = (
            "stop the sending first, then ask the list for removal",
            "送信を止めてから、リストの運営者に解除を依頼",
        )
        return Finding("dns.blocklists", Verdict.FAIL, (f"listed: {named}", f"登録されています: {named}"), repair)
    return _summary("dns.blocklists", [], unknown, len(addresses) * len(zones), ("", ""), ("", ""))


def check(
    settings: Settings, names: Sequence[str], servers: Iterable[str], look: Lookup | None = None
) -> list[Finding]:
    """Every finding about the DNS of these mail domains and of doctor.addresses."""
    wanted = settings.doctor
    look = look or resolver_lookup(wanted.resolver, wanted.resolver_port)
    found = domains(look, names, servers) if names else []
    if names and wanted.dkim_selectors:
        found.append(dkim(look, names, wanted.dkim_selectors))
    if wanted.addresses:
        found.append(reverse_names(look, wanted.addresses))
        if wanted.blocklists:
            found.append(blocklists(look, wanted.addresses, wanted.blocklists))
    return found
