"""Sekisho (関所): a circuit breaker for mailboxes on Postfix and Dovecot. Start reading at docs/flow.md."""

__version__ = "0.1.0"
