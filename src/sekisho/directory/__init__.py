"""Mailboxes, domains, aliases and who may touch them.

Who may enter: incidents, recovery, containment, web, cli. The site's own tables (PostfixAdmin's, `site` database) are
read here and written only by the named steps and by recovery; our tables (`default` database) hold tenants, roles,
contacts and mail hosts. What it must never do: hand out a row without `access`, or follow a foreign key from one
database into the other. Names: directory.models, directory.access, directory.names.
"""
