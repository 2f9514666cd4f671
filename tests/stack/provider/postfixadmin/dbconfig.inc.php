<?php
// As Debian's dbconfig-common writes it.
$dbuser = 'postfix';
$dbpass = '@PASSWORD@';
$dbname = 'postfix';
$dbserver = 'localhost';
$dbtype = 'mysqli';
