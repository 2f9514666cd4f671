<?php
$CONF['database_socket'] = '@SOCKET@';
$CONF['configured'] = true;
// .example is nowhere in the DNS.
$CONF['emailcheck_resolve_domain'] = 'NO';
