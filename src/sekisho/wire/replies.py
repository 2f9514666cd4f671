"""Every sentence we say to an SMTP, IMAP, POP3 or ManageSieve client, each below the RFC sentence it rests on.

All are ASCII, at most 512 octets with code and line end (RFC 5321, section 4.5.3.1.5), constant, and free of rule
names, scores and limits. They travel into strangers' delay notices: friendly, without accusation. None holds a phrase
that fail2ban's stock filters count as an attack; a unit test has the list. No semicolon: `wire.maillog` relies on it
to find its way in `reject:` lines read by people's own scripts too.
"""

from __future__ import annotations

# The longest reply line a client must accept, with code and CRLF (RFC 5321, section 4.5.3.1.5).
MAX_REPLY_OCTETS = 512

# RFC 5321, section 4.2.3: "450 Requested mail action not taken: mailbox unavailable (e.g., mailbox busy or temporarily
# blocked for policy reasons)". RFC 3463, section 3.3, X.2.1: "The mailbox exists, but is not accepting messages. This
# may be […] a transient error if the mailbox is only temporarily disabled." The sender's server keeps the mail and
# tries again for days (RFC 5321, section 4.5.4.1).
INBOUND_SUSPENDED = "450 4.2.1 mailbox temporarily suspended by the provider, please retry later"

# The same in our own queue: the argument of Postfix' `retry` transport (error(8)) is enhanced code and text.
QUEUE_SUSPENDED = "4.2.1 mailbox temporarily suspended by the provider"

# RFC 5321, section 4.2.3: "421 <domain> Service not available, closing transmission channel": the only code after
# which Postfix closes the session (access(5)), which ends sessions opened before the trip. RFC 3463, section 3.8,
# X.7.0: "Something related to security caused the message to be returned, and the problem cannot be well expressed
# with any of the other provided detail codes."
SUBMISSION_SUSPENDED = "421 4.7.0 sending is suspended for this mailbox, please contact your mail administrator"

# RFC 5321, section 4.2.3: 450 as above. RFC 3463, section 3.8, X.7.1: "Delivery not authorized, message refused";
# class 4 because it will be authorized again.
SUBMISSION_RESTRICTED = "450 4.7.1 sending is limited for this mailbox at the moment, please retry later"

# Restricted with limit 0 (the barrier's row): the same codes, nothing goes at all.
SUBMISSION_STOPPED = "450 4.7.1 sending is paused for this mailbox, please contact your mail administrator"

# A mailbox that its owner keeps to some countries, used from another: the same codes.
SUBMISSION_ELSEWHERE = "450 4.7.1 this mailbox is not used from your country, please contact your mail administrator"

# A mailbox whose password should have been renewed by a day that was told three times: the same codes, for new
# recipients only. It says what to do, since the mail program shows it to the owner.
SUBMISSION_RENEW = "450 4.7.1 a new password is due for this mailbox, new recipients wait until it is set"

# RFC 4954, section 6: "454 4.7.0 Temporary authentication failure. This response to the AUTH command indicates that the
# authentication failed due to a temporary server failure. The client SHOULD NOT prompt the user for another password
# in this case".
AUTH_UNAVAILABLE = "454 4.7.0 Temporary authentication failure"

# RFC 5530, section 3: "UNAVAILABLE Temporary failure because a subsystem is down."
IMAP_UNAVAILABLE = "[UNAVAILABLE] Temporary authentication failure"

# The next three are said by Dovecot for its deny passdb and by Postfix for SMTP AUTH; probes look for them.
# RFC 4954, section 6: "535 5.7.8 Authentication credentials invalid. This response to the AUTH command indicates that
# the authentication failed due to invalid or insufficient authentication credentials."
AUTH_SUSPENDED = "535 5.7.8"
# RFC 5530, section 3: "AUTHENTICATIONFAILED Authentication failed for some reason on which the server is unwilling to
# elaborate."
IMAP_SUSPENDED = "[AUTHENTICATIONFAILED]"
# RFC 3206, section 4: the AUTH response code "informs the client that there is a problem with the user's credentials".
POP3_SUSPENDED = "[AUTH]"

# Postfix' access(5): "DUNNO: Pretend that the lookup key was not found": the next restriction decides. Not a reply to
# the client, but our answer to most questions.
GO_ON = "DUNNO"

# What goes to clients as a reply line of our own making (the tests look at each).
REPLIES = (
    INBOUND_SUSPENDED,
    QUEUE_SUSPENDED,
    SUBMISSION_SUSPENDED,
    SUBMISSION_RESTRICTED,
    SUBMISSION_STOPPED,
    SUBMISSION_ELSEWHERE,
    SUBMISSION_RENEW,
    AUTH_UNAVAILABLE,
    IMAP_UNAVAILABLE,
    AUTH_SUSPENDED,
    IMAP_SUSPENDED,
    POP3_SUSPENDED,
)


def inbound_suspended(text: str = "") -> str:
    """The answer at RCPT for a suspended mailbox, with the operator's own words (Settings.inbound_text) if any."""
    code, enhanced, _ = INBOUND_SUSPENDED.split(" ", 2)
    return f"{code} {enhanced} {text}" if text else INBOUND_SUSPENDED
