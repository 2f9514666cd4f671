"""Played takeovers over real SMTP and IMAP against the running local stack, counted from outside.

Who may enter: cli and the stories in tests/stack. Addresses, networks and passwords come from the demo's files, never
from here. What it must never do: look at our own tables for a result it then reports; it counts mailboxes and queues.
"""
