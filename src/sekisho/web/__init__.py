"""The panel: what operators and domain admins see and do in a browser, in Japanese and English.

Who may enter: cli (`server.run`), rehearsal. Every view reaches rows through `directory.access` (a stranger gets the
same 404 as for something that does not exist); every act is a POST that calls `recovery.flow` or `incidents.decisions`
and nothing else. What it must never do: change a status itself, reach the guard or the privileged room, put a password
into a URL, a log, a session or a page it did not just generate for the person who asked.
Names: server.run, settings (Django's, for every process with Django), urls.
"""
