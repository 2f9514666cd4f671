"""Mailboxes, domains, aliases and who may touch them.

Who may enter: incidents, recovery, containment, web, cli. The site's own tables (PostfixAdmin's, `site` database) are
read here and written only by `provision`, `site_settings`, recovery and the agent; our tables (`default` database)
hold roles, contacts and mail hosts. What it must never do: hand out a row without `access`, or follow a foreign key
from one database into the other. Names: directory.models, access, names, passwords, provision, start.
"""
