-- PostfixAdmin 3.3.13's tables on SQLite (its upgrade.php, schema version 1847): what Sekisho, the demo provider's queries and
-- PostfixAdmin's own pages touch. A real site has them already; only the local stack makes them.
CREATE TABLE config (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name varchar(20) NOT NULL DEFAULT '', value varchar(20) NOT NULL DEFAULT '', UNIQUE (name));
INSERT INTO config (name, value) VALUES ('version', '1847');
CREATE TABLE domain (
  domain varchar(255) NOT NULL PRIMARY KEY, description varchar(255) NOT NULL, aliases int(10) NOT NULL DEFAULT 0,
  mailboxes int(10) NOT NULL DEFAULT 0, maxquota bigint(20) NOT NULL DEFAULT 0, quota bigint(20) NOT NULL DEFAULT 0,
  transport varchar(255) NOT NULL, backupmx tinyint(1) NOT NULL DEFAULT '0', created datetime NOT NULL DEFAULT '2000-01-01',
  modified datetime NOT NULL DEFAULT '2000-01-01', active tinyint(1) NOT NULL DEFAULT '1', password_expiry int(11) DEFAULT 0);
INSERT INTO domain (domain, description, transport) VALUES ('ALL', '', '');
CREATE TABLE alias (
  address varchar(255) NOT NULL PRIMARY KEY, goto text NOT NULL, domain varchar(255) NOT NULL,
  created datetime NOT NULL DEFAULT '2000-01-01', modified datetime NOT NULL DEFAULT '2000-01-01', active tinyint(1) NOT NULL DEFAULT '1');
CREATE INDEX alias_domain_idx ON alias (domain);
CREATE TABLE alias_domain (
  alias_domain varchar(255) NOT NULL PRIMARY KEY, target_domain varchar(255) NOT NULL,
  created datetime NOT NULL DEFAULT '2000-01-01', modified datetime NOT NULL DEFAULT '2000-01-01', active tinyint(1) NOT NULL DEFAULT '1');
CREATE TABLE mailbox (
  username varchar(255) NOT NULL PRIMARY KEY, password varchar(255) NOT NULL, name varchar(255) NOT NULL, maildir varchar(255) NOT NULL,
  quota bigint(20) NOT NULL DEFAULT 0, local_part varchar(255) NOT NULL, domain varchar(255) NOT NULL,
  created datetime NOT NULL DEFAULT '2000-01-01', modified datetime NOT NULL DEFAULT '2000-01-01', active tinyint(1) NOT NULL DEFAULT '1',
  phone varchar(30) NOT NULL DEFAULT '', email_other varchar(255) NOT NULL DEFAULT '', token varchar(255) NOT NULL DEFAULT '',
  token_validity datetime NOT NULL DEFAULT '2000-01-01', password_expiry datetime NOT NULL DEFAULT '2000-01-01');
CREATE INDEX mailbox_domain_idx ON mailbox (domain);
CREATE TABLE admin (
  username varchar(255) NOT NULL PRIMARY KEY, password varchar(255) NOT NULL, created datetime NOT NULL DEFAULT '2000-01-01',
  modified datetime NOT NULL DEFAULT '2000-01-01', active tinyint(1) NOT NULL DEFAULT '1', superadmin tinyint(1) NOT NULL DEFAULT '0',
  phone varchar(30) NOT NULL DEFAULT '', email_other varchar(255) NOT NULL DEFAULT '', token varchar(255) NOT NULL DEFAULT '',
  token_validity datetime NOT NULL DEFAULT '2000-01-01');
CREATE TABLE domain_admins (username varchar(255) NOT NULL, domain varchar(255) NOT NULL, created datetime NOT NULL DEFAULT '2000-01-01', active tinyint(1) NOT NULL DEFAULT '1');
CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, timestamp datetime NOT NULL DEFAULT '2000-01-01', username varchar(255) NOT NULL, domain varchar(255) NOT NULL, action varchar(255) NOT NULL, data text NOT NULL);
CREATE TABLE vacation (
  email varchar(255) NOT NULL PRIMARY KEY, subject varchar(255) NOT NULL, body text NOT NULL, cache text NOT NULL DEFAULT '',
  domain varchar(255) NOT NULL, created datetime NOT NULL DEFAULT '2000-01-01', active tinyint(1) NOT NULL DEFAULT '1',
  activefrom datetime NOT NULL DEFAULT '2000-01-01', activeuntil datetime NOT NULL DEFAULT '2038-01-18',
  interval_time int(11) NOT NULL DEFAULT 0, modified datetime NOT NULL DEFAULT '2000-01-01');
CREATE TABLE vacation_notification (
  on_vacation varchar(255) NOT NULL, notified varchar(255) NOT NULL DEFAULT '', notified_at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (on_vacation, notified));
CREATE TABLE fetchmail (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, domain varchar(255) DEFAULT '', mailbox varchar(255) NOT NULL, src_server varchar(255) NOT NULL,
  src_auth varchar(255), src_user varchar(255) NOT NULL, src_password varchar(255) NOT NULL, src_folder varchar(255) NOT NULL,
  poll_time int(11) NOT NULL DEFAULT 10, fetchall tinyint(1) NOT NULL DEFAULT '0', keep tinyint(1) NOT NULL DEFAULT '0',
  protocol varchar(255), usessl tinyint(1) NOT NULL DEFAULT '0', sslcertck tinyint(1) NOT NULL DEFAULT '0', sslcertpath varchar(255) DEFAULT '',
  sslfingerprint varchar(255) DEFAULT '', extra_options text, returned_text text, mda varchar(255) NOT NULL DEFAULT '',
  date datetime NOT NULL DEFAULT '2000-01-01', created datetime NOT NULL DEFAULT '2000-01-01', modified datetime NOT NULL DEFAULT '2000-01-01',
  active tinyint(1) NOT NULL DEFAULT '0', src_port int(11) NOT NULL DEFAULT 0);
CREATE TABLE quota (username varchar(255) NOT NULL, path varchar(100) NOT NULL, current bigint(20) NOT NULL DEFAULT 0, PRIMARY KEY (username, path));
CREATE TABLE quota2 (username varchar(100) NOT NULL PRIMARY KEY, bytes bigint(20) NOT NULL DEFAULT 0, messages int(11) NOT NULL DEFAULT 0);
