"""The questions to blocklists: what is asked, how a list proves that it works, what comes back. Runs in a thread."""

from __future__ import annotations

from typing import Literal, NamedTuple

import dns.resolver

from sekisho import dns_questions
from sekisho.impact.known_lists import tests_of

Kind = Literal["ipv4", "ipv6", "domain"]


class Question(NamedTuple):
    """Does this list name `subject`? An empty subject asks whether the list itself works, for this kind of names."""

    zone: str
    kind: Kind
    subject: str = ""


class Reply(NamedTuple):
    """The verdict and, for a listing, its codes as "127.0.0.2, 127.0.0.4"."""

    question: Question
    verdict: str
    codes: str = ""


def kind_of(subject: str) -> Kind:
    """Which of the three kinds of names this is."""
    if ":" in subject:
        return "ipv6"
    return "ipv4" if subject.replace(".", "").isdigit() else "domain"


def put(resolver: dns.resolver.Resolver, question: Question) -> Reply:
    """Asks; takes two questions' deadlines at most and raises nothing."""
    if not question.subject:
        return Reply(question, _health(resolver, question))
    answer = dns_questions.ask(resolver, dns_questions.list_name(question.subject, question.zone), "A")
    verdict = dns_questions.judge(answer)
    return Reply(question, verdict, ", ".join(sorted(answer.records))[:200] if verdict == "listed" else "")


def _health(resolver: dns.resolver.Resolver, question: Question) -> str:
    """Whether the list names its test entry and does not name what nobody may list (RFC 5782, section 5).

    "unfit": the entry for this kind of names is not there: a list of IPv4 addresses asked about IPv6, say, would call
    every address clean.
    """
    listed, unlisted = tests_of(question.zone, question.kind)

    def verdict(name: str) -> dns_questions.Verdict:
        return dns_questions.judge(dns_questions.ask(resolver, dns_questions.list_name(name, question.zone), "A"))

    if (first := verdict(unlisted)) in ("refused", "unanswered"):
        return first
    match first, verdict(listed):
        case ("clean", "listed"):
            return "works"
        case ("clean", "clean"):
            return "unfit"
        # A refusal to the second name alone: SURBL answers 127.0.0.1 to whom it does not serve, for listed names only.
        case (_, "refused" | "unanswered" as second):
            return second
    return "broken"
