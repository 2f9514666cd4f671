"""What an operator's own words to strangers' servers and clients must be like."""

from __future__ import annotations

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
