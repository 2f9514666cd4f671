"""`python -m sekisho.cli` is the command `sekisho`."""

from sekisho.cli import main

main()
