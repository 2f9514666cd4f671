"""The REST API: the verbs of panel and command line for programs, with the JSON of the command line's `--json`.

`urls` puts it together (django-ninja; only imported with Django's settings in place), `keys` lets a request in by its
bearer key and nothing else, `refusals` says what went wrong; `mailboxes`, `incidents`, `domains` hold the operations.
ninja reads annotations when it is told of a view: no postponed ones in the modules with operations.
What it must never do: answer by a session cookie, tell a stranger more than that there is nothing, repeat a password.
"""
