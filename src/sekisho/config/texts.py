"""What an operator's own words to strangers' servers and clients must be like."""

from __future__ import annotations

from urllib.parse import urlsplit

# A reply line may have 512 octets (RFC 5321, section 4.5.3.1.5), an address in it 256; and a delay notice wraps.
MOST_INBOUND_TEXT = 200
# fail2ban's stock filters (1.0.2, postfix and dovecot) count lines with these: a host that honestly retries would be
# banned for our answer.
ATTACK_PHRASES = (
    "access denied",
    "relay access denied",
    "service unavailable",
    "user unknown",
    "undeliverable",
    "authentication failed",
    "blocked using",
    "host not found",
    "need fully-qualified",
    "unverified address",
    "improper command pipelining",
    "auth failed",
    "too many errors",
)


def inbound_text_problem(text: str) -> str:
    """Why this text cannot be said in a 450; "" for one that can."""
    if not (text.isascii() and (text.isprintable() or not text)):
        return "must be printable ASCII: other servers show it as it is"
    if len(text) > MOST_INBOUND_TEXT:
        return f"has more than {MOST_INBOUND_TEXT} characters"
    if text != text.strip() or ";" in text:
        return "must have no blank at its ends and no semicolon: programs that read mail logs stop there"
    if text[:1].isdigit():
        return "must not begin with a digit: it would be taken for a reply code"
    found = [phrase for phrase in ATTACK_PHRASES if phrase in text.lower()]
    return f'holds "{found[0]}", for which fail2ban bans the servers that wait' if found else ""


# Postfix puts it behind "535 5.7.8 Error: authentication failed: " in a line of 512 octets, and mail programs show it
# in a small box.
MOST_REASON_TEXT = 200


def reason_text_problem(text: str) -> str:
    """Why this text cannot be told to a client whose login is refused; "" for one that can."""
    if not (text.isascii() and (text.isprintable() or not text)):
        return "must be printable ASCII: IMAP allows nothing else (RFC 3501, section 7.1)"
    if len(text) > MOST_REASON_TEXT:
        return f"has more than {MOST_REASON_TEXT} characters"
    if set("{}") & set(text.replace("{case}", "")):
        return "knows one placeholder, {case}"
    return ""


def forward_policy_problem(url: str, header: str) -> str:
    """Which of the two settings of another policy server cannot be used, and why; "" for good ones.

    Never the header's value: it is a secret.
    """
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        named = False
    if url and not (named and url.isascii() and url.isprintable() and " " not in url):
        return "url: must be as Dovecot has it, such as http://127.0.0.1:8084/"
    if url and (parts.username is not None or parts.fragment):
        return "url: must hold no login and no fragment; a login belongs into header"
    return header_problem(header)


def header_problem(header: str) -> str:
    """Why this cannot be a header; "" for one that can, and for none."""
    name, _, value = header.partition(":")
    if header and not (header.isascii() and header.isprintable() and name.strip() and value.strip()):
        return 'header: must be one line "Name:value" of printable ASCII'
    return ""
