"""「不審メール診断」: what is suspicious about one mail, as values. The words are in diagnosis_texts.

From the mail's own octets alone: no name is looked up, no link is followed, nothing is unpacked or kept. So it can say
what is wrong with a mail and never that a mail is safe.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from email.utils import getaddresses

import msgspec

from sekisho.inbound import attachments, html_reading, links, lures, mail_reading, sender_check
from sekisho.inbound.attachments import Found
from sekisho.inbound.brands import catalogue, own_brand, with_own
from sekisho.inbound.html_reading import Link, Page
from sekisho.inbound.links import Target, registrable, visible
from sekisho.inbound.lookalike import Sender, examine
from sekisho.inbound.mail_reading import Mail
from sekisho.inbound.reasons import brand_name
from sekisho.inbound.sender_check import Checked, Ours

# Links beyond these are counted: a person reads no longer list.
MOST_LINKS_SHOWN = 20
MOST_HOSTS = 10
MOST_ATTACHMENTS_SHOWN = 20

BAD = frozenset(
    "two_from name_shows_other failed own_domain_forged punycode_from label_other ip userinfo runs_code form asks "
    "name_turned two_endings runs runs_inside macros bomb sextortion lure_by_link".split()
)
WARN = frozenset(
    "from_none unproved reply_elsewhere own_domain_outside punycode shortener port onward odd page other_kind locked "
    "pdf_acts password mailbox_full urgency threat payment prize lure_and_link scripts cut".split()
)
GOOD = frozenset({"proved"})


class Finding(msgspec.Struct, frozen=True):
    """One thing found: its code among diagnosis_texts.FINDINGS and what is put into the text."""

    code: str
    values: dict[str, str] = {}
    # Where the code alone does not say it: what resembles a brand may be sure or not.
    weight: str = ""

    @property
    def level(self) -> str:
        """bad, warn, good or info."""
        if self.weight:
            return self.weight
        if self.code in BAD:
            return "bad"
        return "warn" if self.code in WARN else "good" if self.code in GOOD else "info"


class LinkShown(msgspec.Struct, frozen=True):
    """One link for showing: its label, where it leads (defanged), the host as letters and in DNS' form, findings."""

    label: str
    shown: str
    host: str
    ascii: str
    findings: tuple[Finding, ...] = ()


class AttachmentShown(msgspec.Struct, frozen=True):
    """One attachment for showing."""

    name: str
    kind: str
    findings: tuple[Finding, ...] = ()
    listed: tuple[str, ...] = ()


class Diagnosis(msgspec.Struct, frozen=True):
    """verdict: danger, careful, nothing. `copies`: (kind, text) for searching. `steps`: codes of what to do next."""

    verdict: str
    subject: str
    sender: str
    sender_name: str
    about_sender: tuple[Finding, ...]
    about_text: tuple[Finding, ...]
    links: tuple[LinkShown, ...]
    more_links: int
    attachments: tuple[AttachmentShown, ...]
    copies: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]


def diagnose(data: bytes, ours: Ours) -> Diagnosis:
    """The diagnosis of a mail given as octets; raises mail_reading.Unreadable."""
    return diagnose_message(mail_reading.parse(data), ours)


def diagnose_message(message: Message, ours: Ours) -> Diagnosis:
    """The diagnosis of a parsed mail; raises mail_reading.Unreadable."""
    mail = mail_reading.take_apart(message)
    name, address = sender_of(mail)
    domain = links.letters_of(address.rpartition("@")[2].lower())
    checked = sender_check.check(mail, address.rpartition("@")[2].lower(), ours)
    pages = tuple(html_reading.read(source) for source in mail.html)
    text = "\n".join([mail.first("subject"), *mail.texts, *(page.text for page in pages)])
    found, more = _links(mail, pages, domain if checked.state == "proved" else "")
    borrowed = _borrowed(mail, (name, address), checked, [one.ascii for one in found if one.ascii], ours)
    about_sender = [*_about_sender(mail, name, address, checked, ours), *borrowed]
    attached = tuple(_attachment(attachments.look_at(one)) for one in mail.attachments[:MOST_ATTACHMENTS_SHOWN])
    played_on = lures.found_in(text)
    about_text = _about_text(played_on, pages, found, domain, checked, mail.cut)
    of_parts = [f for one in found for f in one.findings] + [f for one in attached for f in one.findings]
    verdict = _verdict([*about_sender, *about_text, *of_parts])
    phones = lures.phones_in(text)
    return Diagnosis(
        verdict=verdict,
        subject=visible(mail.first("subject")),
        sender=visible(address, 254),
        sender_name=visible(name),
        about_sender=tuple(about_sender),
        about_text=tuple(about_text),
        links=found[:MOST_LINKS_SHOWN],
        more_links=more + max(0, len(found) - MOST_LINKS_SHOWN),
        attachments=attached,
        copies=_copies(address, _reply_to(mail), found, phones),
        steps=_steps(verdict, played_on, found, attached, phones),
    )


def sender_of(mail: Mail) -> tuple[str, str]:
    """Display name and address of the From header; the address "" where there is none."""
    pairs = getaddresses([mail.raw_first("from")])
    name, address = next(((n, a) for n, a in pairs if "@" in a), ("", ""))
    return mail_reading.decoded(name), address[:320]


def _reply_to(mail: Mail) -> str:
    return next((address for _, address in getaddresses([mail.raw_first("reply-to")]) if "@" in address), "")[:320]


def _about_sender(mail: Mail, name: str, address: str, checked: Checked, ours: Ours) -> list[Finding]:
    ascii_domain = address.rpartition("@")[2].lower()
    shown = {"domain": visible(links.letters_of(ascii_domain))}
    found = list(_as_written(mail, name, address, ascii_domain, shown))
    found.append(Finding(checked.state, {**shown, "passed": ", ".join(visible(one) for one in checked.domains[:5])}))
    if registrable(ascii_domain) in {registrable(one) for one in ours.domains}:
        if checked.state in ("failed", "unproved"):
            found.append(Finding("own_domain_forged", shown))
        elif checked.state == "unchecked" and checked.client_address:
            found.append(Finding("own_domain_outside", shown))
    if checked.client_address:
        client = f"{checked.client_name} [{checked.client_address}]" if checked.client_name else checked.client_address
        found.append(Finding("client", {"client": visible(client)}))
    if checked.claims:
        found.append(Finding("claims"))
    reply = _reply_to(mail)
    if reply and registrable(reply.rpartition("@")[2].lower()) != registrable(ascii_domain):
        found.append(Finding("reply_elsewhere", {"address": visible(reply)}))
    return found


def _as_written(mail: Mail, name: str, address: str, domain: str, shown: dict[str, str]) -> Iterator[Finding]:
    """What is wrong with the From header by itself."""
    if not address:
        yield Finding("from_none")
    if sum(header == "from" for header, _ in mail.headers) > 1:
        yield Finding("two_from")
    if "xn--" in domain or not domain.isascii():
        yield Finding("punycode_from", {**shown, "ascii": visible(domain)})
    other = next((word.strip("<>()[]\"'") for word in name.split() if "@" in word), "")
    if other and registrable(other.rpartition("@")[2].lower()) != registrable(domain):
        yield Finding("name_shows_other", {"name": visible(other), "address": visible(address)})


# What `lookalike` finds that is told here in other words: phrases are `lures`' part.
_told_elsewhere = frozenset({"mailbox-lure", "account-lure"})


def _borrowed(mail: Mail, sender: tuple[str, str], checked: Checked, hosts: list[str], ours: Ours) -> Iterator[Finding]:
    """Whose name the mail borrows: a brand's or the reader's own organisation's, in name, domains or links."""
    name, address = sender
    local, _, domain = address.rpartition("@")
    if not domain:
        return
    known = with_own(catalogue(), own_brand((), sorted(ours.domains))) if ours.domains else catalogue()
    reply = _reply_to(mail).rpartition("@")[2].lower()
    asked = Sender(
        display=name,
        local=local,
        domain=domain.lower(),
        reply_domains=(reply,) if reply else (),
        subject=mail.first("subject"),
        proven=checked.domains,
        dmarc={"proved": "pass", "failed": "reject"}.get(checked.state, "none"),  # type: ignore[arg-type]
        links=tuple(hosts),
    )
    for one in examine(asked, known).findings:
        # Nothing can be missing that nobody looked for.
        unchecked = one.code == "forged-sender" and checked.state == "unchecked"
        if one.code not in _told_elsewhere and not unchecked:
            names = {f"brand_{word}": brand_name(one.brand, known, word) for word in ("ja", "en")}
            yield Finding(one.code, {"seen": visible(one.seen), **names}, "bad" if one.sure else "warn")


def _links(mail: Mail, pages: tuple[Page, ...], proved: str) -> tuple[tuple[LinkShown, ...], int]:
    """Each target once, with all that is wrong with it; and how many links were not looked at."""
    every = [link for page in pages for link in page.links]
    for text in mail.texts:
        every += [Link(address, "") for address in links.addresses_in(text, html_reading.MOST_LINKS)]
    found: dict[tuple[str, str], LinkShown] = {}
    for link in every[: html_reading.MOST_LINKS]:
        target = links.take_apart(link.target)
        if not target.host and not target.tricks:
            # mailto:, tel:, an anchor in the mail itself.
            continue
        one = _link(link, target, proved)
        found.setdefault((one.shown, one.label if one.findings else ""), one)
    worst = sorted(found.values(), key=lambda one: min((_rank[f.level] for f in one.findings), default=3))
    return tuple(worst), max(0, len(every) - html_reading.MOST_LINKS)


_rank = {"bad": 0, "warn": 1, "info": 2, "good": 2}


def _link(link: Link, target: Target, proved: str) -> LinkShown:
    values = {"host": visible(target.host), "ascii": visible(target.ascii), "scheme": target.scheme}
    findings = [Finding(code, values) for code in target.tricks]
    if link.kind == "form":
        findings.append(Finding("form", values))
    said = links.host_shown(link.label)
    # A newsletter counts its readers: its own name as the label of such a link is no lie, where the sender is proved.
    own_label = proved and registrable(said) == registrable(proved)
    if said and target.host and registrable(said) != registrable(target.ascii) and not own_label:
        findings.append(Finding("label_other", {**values, "said": visible(said)}))
    return LinkShown(visible(link.label), target.shown, values["host"], values["ascii"], tuple(findings))


def _attachment(found: Found) -> AttachmentShown:
    values = {"kind": found.kind, "listed": ", ".join(found.listed)}
    return AttachmentShown(found.name, found.kind, tuple(Finding(code, values) for code in found.signs), found.listed)


def _about_text(
    played_on: dict[str, str],
    pages: tuple[Page, ...],
    found: tuple[LinkShown, ...],
    domain: str,
    checked: Checked,
    cut: bool,
) -> list[Finding]:
    about = [Finding(code, {"words": visible(words)}) for code, words in played_on.items()]
    away = any(one.host and registrable(one.ascii) != registrable(domain) for one in found)
    if away and played_on.keys() & {"password", "mailbox_full", "payment"} and checked.state != "proved":
        about.append(Finding("lure_and_link" if checked.state == "unchecked" else "lure_by_link"))
    if any(page.asks for page in pages):
        about.append(Finding("asks"))
    if any(page.scripts for page in pages):
        about.append(Finding("scripts"))
    if cut or any(page.cut for page in pages):
        about.append(Finding("cut"))
    return about


def _verdict(findings: list[Finding]) -> str:
    levels = {finding.level for finding in findings}
    return "danger" if "bad" in levels else "careful" if "warn" in levels else "nothing"


def _copies(address: str, reply: str, found: tuple[LinkShown, ...], phones: list[str]) -> tuple[tuple[str, str], ...]:
    hosts = dict.fromkeys(one.ascii for one in found if one.ascii)
    copies = [("sender", visible(address, 254))] if address else []
    copies += [("reply", visible(reply, 254))] if reply and reply.lower() != address.lower() else []
    return (*copies, *(("host", host) for host in list(hosts)[:MOST_HOSTS]), *(("phone", one) for one in phones))


def _steps(
    verdict: str,
    played_on: dict[str, str],
    found: tuple[LinkShown, ...],
    attached: tuple[AttachmentShown, ...],
    phones: list[str],
) -> tuple[str, ...]:
    if verdict == "nothing":
        return ("unsure",)
    wanted = {
        "no_links": bool(found),
        "no_opening": bool(attached),
        "no_paying": "sextortion" in played_on or "payment" in played_on,
        "no_calling": bool(phones),
        "ask_by_own_way": True,
        "typed_password": True,
        "opened": bool(attached),
        "report": verdict == "danger",
    }
    return tuple(step for step, needed in wanted.items() if needed)
