"""What happened, what was ordered, what was done: incidents, orders, steps, timeline, notices, the deferred ledger.

Who may enter: containment, recovery, web, cli. `ingest` turns journal and spool into rows (worker); `decisions` is the
only way a mailbox's status changes; `orders` hands work to the agents; `access` is the only way from an account to an
incident. What it must never do: run a command, judge an event, or change the site's tables.
"""
