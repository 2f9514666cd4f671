"""Doctor: looks at the mail host as Postfix, Dovecot and Sekisho itself run there, and says what is not as it must be.

Reads only: it starts `postconf`, `postfix check` and `doveconf`, looks at files, opens connections to our own listeners
and asks the resolver. What it finds are `Finding`s with the evidence and a command to repair; it repairs nothing.
Names for others: `examine(settings, domains, servers)`, `backups(last, now)`, `Finding`, `worst`.
"""

from sekisho.deploy.doctor.examination import examine as examine
from sekisho.deploy.doctor.findings import Finding as Finding
from sekisho.deploy.doctor.findings import Verdict as Verdict
from sekisho.deploy.doctor.findings import worst as worst
from sekisho.deploy.doctor.host_checks import backups as backups
