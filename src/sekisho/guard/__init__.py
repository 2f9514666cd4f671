"""The checkpoint every login and every message of ours passes: it learns from events and answers from memory.

Who may enter: Postfix and Dovecot through three sockets, `sekisho guard|learn|evaluate` through `main`, `learn` and
`evaluate`. What it must never do: wait for a database, run a command, import Django, or answer later than 300 ms.
It reads the mail log and the agent's state file, and writes journal, spool, profiles and a status file.

`checkpoint` is the middle: `observe(event)` learns and may trip the breaker, `answer(question)` decides now.
"""
