"""Keeping: what is kept and how it comes back: backup, restore, verify, a tenant's erasure.

Who may enter: the command line. Imports every room but the panel, `containment` for the ledger and the barrier. What it
must never do: open a mailbox. It puts records and files back, and whatever was shut before or is shut in what it puts
back stays shut until an operator decides (docs/decisions/0008). Names for others: `backup.write_backup`,
`archive.check_archive`, `restore.restore`, `verify.examine`.
"""
