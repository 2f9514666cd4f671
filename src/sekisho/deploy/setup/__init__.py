"""Setup: adopts a grown Postfix and Dovecot, and gives them back (docs/adopt.md).

`survey` looks and plans and changes nothing; `apply` writes what the plan shows; `revert` takes it back to the byte.
Names for others: `Places`, `survey`, `apply`, `make_database`, `revert`, `shut_names`, `SetupRefused`.
"""

from sekisho.deploy.setup.act import apply as apply
from sekisho.deploy.setup.act import backups as backups
from sekisho.deploy.setup.act import make_database as make_database
from sekisho.deploy.setup.act import revert as revert
from sekisho.deploy.setup.act import shut_names as shut_names
from sekisho.deploy.setup.findings import SetupRefused as SetupRefused
from sekisho.deploy.setup.survey import Places as Places
from sekisho.deploy.setup.survey import Survey as Survey
from sekisho.deploy.setup.survey import survey as survey
