"""The agent: the only hands that run commands. Keeps the barrier, carries out plans step by step, probes the doors.

Who may enter: cli. Works from the journal and its own ledger of files, so a trip is contained with the database down;
records outcomes in the database when it is there. What it must never do: open a network socket, use a shell, decide
that a mailbox is to be opened (only an order of a newer generation does), or take an exit code for an effect.
"""
