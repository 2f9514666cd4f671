"""The way back: proof of the owner, new password (rules, burned list), settings help, reinstatement.

Who may enter: web and cli; cli gives recovery.duties to the worker. It writes the new password's hash into the site's
mailbox table, records the decision (incidents.decisions) and leaves an order for the agents; it never opens a door
itself. It also says what belongs in a mail program: to people, and to programs that ask. What it must never do: keep or
log a password, a link or a code, or reinstate without a new password. Names: recovery.contacts, recovery.duties,
recovery.flow, recovery.mail_settings, recovery.mail_programs, recovery.settings_check, recovery.pasted_settings,
recovery.client_formats, recovery.apple_profile, recovery.paper, recovery.requests, recovery.texts.
"""
