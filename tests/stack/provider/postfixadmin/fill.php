<?php
// Two domains and their mailboxes by PostfixAdmin's own code, as `postfixadmin-cli` calls it, in one process.
define('POSTFIXADMIN_CLI', 1);
require_once __DIR__ . '/common.php';

function add(string $class, string $name, array $values): void {
    $handler = new $class(1);
    if (!$handler->init($name) || !$handler->set($values) || !$handler->save()) {
        fwrite(STDERR, "$class $name: " . print_r($handler->errormsg, true));
        exit(1);
    }
}

[, $password, $count] = $argv;
$limits = ['aliases' => 0, 'mailboxes' => 0, 'maxquota' => 0, 'quota' => 0, 'default_aliases' => 0, 'active' => 1];
foreach (['kissa.example', 'hana.example'] as $domain) {
    add('DomainHandler', $domain, ['description' => '花の喫茶店'] + $limits);
}
for ($number = 0; $number < (int) $count; $number++) {
    $domain = $number % 2 ? 'hana.example' : 'kissa.example';
    $values = ['name' => "持ち主 $number", 'password' => $password, 'password2' => $password, 'quota' => 0];
    add('MailboxHandler', sprintf('user%03d@%s', $number, $domain), $values + ['active' => 1, 'welcome_mail' => 0]);
}
