"""The way back: new password (rules, burned list), settings help, reinstatement.

Who may enter: web and cli. It writes the new password's hash into the site's mailbox table, records the decision
(incidents.decisions) and leaves an order for the agents; it never opens a door itself. What it must never do: keep or
log a password, or reinstate without one. Names: recovery.flow, recovery.mail_settings.
"""
