-- PostfixAdmin 3.3.13's tables on PostgreSQL, as its upgrade.php left them on 15 (schema version 1847; pg_dump's words, put
-- together). Left out: the triggers of quota and quota2, for Dovecot's quota dictionary, which this stack does not use.
CREATE TABLE config (
  id serial NOT NULL,
  name varchar(20) NOT NULL,
  value varchar(20) NOT NULL,
  CONSTRAINT config_name_key UNIQUE (name),
  CONSTRAINT config_pkey PRIMARY KEY (id)
);
INSERT INTO config (name, value) VALUES ('version', '1847');
CREATE TABLE domain (
  domain varchar(255) NOT NULL,
  description varchar(255) DEFAULT '' NOT NULL,
  aliases integer DEFAULT 0 NOT NULL,
  mailboxes integer DEFAULT 0 NOT NULL,
  maxquota bigint DEFAULT 0 NOT NULL,
  quota bigint DEFAULT 0 NOT NULL,
  transport varchar(255) DEFAULT NULL,
  backupmx boolean DEFAULT false NOT NULL,
  created timestamptz DEFAULT now(),
  modified timestamptz DEFAULT now(),
  active boolean DEFAULT true NOT NULL,
  password_expiry integer DEFAULT 0,
  CONSTRAINT domain_key PRIMARY KEY (domain)
);
INSERT INTO domain (domain) VALUES ('ALL');
CREATE TABLE alias (
  address varchar(255) NOT NULL,
  goto text NOT NULL,
  domain varchar(255) NOT NULL,
  created timestamptz DEFAULT now(),
  modified timestamptz DEFAULT now(),
  active boolean DEFAULT true NOT NULL,
  CONSTRAINT alias_key PRIMARY KEY (address),
  CONSTRAINT alias_domain_fkey FOREIGN KEY (domain) REFERENCES domain(domain)
);
CREATE TABLE alias_domain (
  alias_domain varchar(255) NOT NULL,
  target_domain varchar(255) NOT NULL,
  created timestamptz DEFAULT now(),
  modified timestamptz DEFAULT now(),
  active boolean DEFAULT true NOT NULL,
  CONSTRAINT alias_domain_pkey PRIMARY KEY (alias_domain),
  CONSTRAINT alias_domain_alias_domain_fkey FOREIGN KEY (alias_domain) REFERENCES domain(domain) ON DELETE CASCADE,
  CONSTRAINT alias_domain_target_domain_fkey FOREIGN KEY (target_domain) REFERENCES domain(domain) ON DELETE CASCADE
);
CREATE TABLE mailbox (
  username varchar(255) NOT NULL,
  password varchar(255) DEFAULT '' NOT NULL,
  name varchar(255) DEFAULT '' NOT NULL,
  maildir varchar(255) DEFAULT '' NOT NULL,
  quota bigint DEFAULT 0 NOT NULL,
  created timestamptz DEFAULT now(),
  modified timestamptz DEFAULT now(),
  active boolean DEFAULT true NOT NULL,
  domain varchar(255),
  local_part varchar(255) NOT NULL,
  phone varchar(30) DEFAULT '' NOT NULL,
  email_other varchar(255) DEFAULT '' NOT NULL,
  token varchar(255) DEFAULT '' NOT NULL,
  token_validity timestamptz DEFAULT '2000-01-01 00:00:00+00',
  password_expiry timestamptz DEFAULT '2000-01-01 00:00:00+00',
  CONSTRAINT mailbox_key PRIMARY KEY (username),
  CONSTRAINT mailbox_domain_fkey1 FOREIGN KEY (domain) REFERENCES domain(domain)
);
CREATE TABLE admin (
  username varchar(255) NOT NULL,
  password varchar(255) DEFAULT '' NOT NULL,
  created timestamptz DEFAULT now(),
  modified timestamptz DEFAULT now(),
  active boolean DEFAULT true NOT NULL,
  superadmin boolean DEFAULT false NOT NULL,
  phone varchar(30) DEFAULT '' NOT NULL,
  email_other varchar(255) DEFAULT '' NOT NULL,
  token varchar(255) DEFAULT '' NOT NULL,
  token_validity timestamptz DEFAULT '2000-01-01 00:00:00+00',
  CONSTRAINT admin_key PRIMARY KEY (username)
);
CREATE TABLE domain_admins (
  username varchar(255) NOT NULL,
  domain varchar(255) NOT NULL,
  created timestamptz DEFAULT now(),
  active boolean DEFAULT true NOT NULL,
  id serial NOT NULL,
  CONSTRAINT domain_admins_pkey PRIMARY KEY (id),
  CONSTRAINT domain_admins_domain_fkey FOREIGN KEY (domain) REFERENCES domain(domain)
);
CREATE TABLE log (
  "timestamp" timestamptz DEFAULT now(),
  username varchar(255) DEFAULT '' NOT NULL,
  domain varchar(255) DEFAULT '' NOT NULL,
  action varchar(255) DEFAULT '' NOT NULL,
  data text DEFAULT '' NOT NULL,
  id serial NOT NULL,
  CONSTRAINT log_pkey PRIMARY KEY (id)
);
CREATE TABLE vacation (
  email varchar(255) NOT NULL,
  subject varchar(255) NOT NULL,
  body text DEFAULT '' NOT NULL,
  created timestamptz DEFAULT now(),
  active boolean DEFAULT true NOT NULL,
  domain varchar(255),
  modified timestamptz DEFAULT now(),
  activefrom timestamptz DEFAULT '2000-01-01 00:00:00+00',
  activeuntil timestamptz DEFAULT '2038-01-18 00:00:00+00',
  interval_time integer DEFAULT 0 NOT NULL,
  CONSTRAINT vacation_pkey PRIMARY KEY (email),
  CONSTRAINT vacation_domain_fkey1 FOREIGN KEY (domain) REFERENCES domain(domain)
);
CREATE TABLE vacation_notification (
  on_vacation varchar(255) NOT NULL,
  notified varchar(255) NOT NULL,
  notified_at timestamptz DEFAULT now() NOT NULL,
  CONSTRAINT vacation_notification_pkey PRIMARY KEY (on_vacation, notified),
  CONSTRAINT vacation_notification_on_vacation_fkey FOREIGN KEY (on_vacation) REFERENCES vacation(email) ON DELETE CASCADE
);
CREATE TABLE fetchmail (
  id serial NOT NULL,
  mailbox varchar(255) DEFAULT '' NOT NULL,
  src_server varchar(255) DEFAULT '' NOT NULL,
  src_auth varchar(15) NOT NULL,
  src_user varchar(255) DEFAULT '' NOT NULL,
  src_password varchar(255) DEFAULT '' NOT NULL,
  src_folder varchar(255) DEFAULT '' NOT NULL,
  poll_time integer DEFAULT 10 NOT NULL,
  fetchall boolean DEFAULT false NOT NULL,
  keep boolean DEFAULT false NOT NULL,
  protocol varchar(15) NOT NULL,
  extra_options text,
  returned_text text,
  mda varchar(255) DEFAULT '' NOT NULL,
  date timestamptz DEFAULT now(),
  usessl boolean DEFAULT false NOT NULL,
  sslcertck boolean DEFAULT false NOT NULL,
  sslcertpath varchar(255) DEFAULT '',
  sslfingerprint varchar(255) DEFAULT '',
  domain varchar(255) DEFAULT '',
  active boolean DEFAULT false NOT NULL,
  created timestamptz DEFAULT '2000-01-01 00:00:00+00',
  modified timestamptz DEFAULT now(),
  src_port integer DEFAULT 0 NOT NULL,
  CONSTRAINT fetchmail_protocol_check CHECK (protocol IN ('POP3', 'IMAP', 'POP2', 'ETRN', 'AUTO')),
  CONSTRAINT fetchmail_src_auth_check CHECK (src_auth IN ('password', 'kerberos_v5', 'kerberos', 'kerberos_v4', 'gssapi',
    'cram-md5', 'otp', 'ntlm', 'msn', 'ssh', 'any')),
  CONSTRAINT fetchmail_pkey PRIMARY KEY (id)
);
CREATE TABLE quota (
  username varchar(255) NOT NULL,
  path varchar(100) NOT NULL,
  current bigint DEFAULT 0 NOT NULL,
  CONSTRAINT quota_pkey PRIMARY KEY (username, path)
);
CREATE TABLE quota2 (
  username varchar(100) NOT NULL,
  bytes bigint DEFAULT 0 NOT NULL,
  messages integer DEFAULT 0 NOT NULL,
  CONSTRAINT quota2_pkey PRIMARY KEY (username)
);
CREATE INDEX alias_address_active ON alias (address, active);
CREATE INDEX alias_domain_active ON alias_domain (alias_domain, active);
CREATE INDEX alias_domain_idx ON alias (domain);
CREATE INDEX domain_domain_active ON domain (domain, active);
CREATE INDEX log_domain_timestamp_idx ON log (domain, "timestamp");
CREATE INDEX mailbox_domain_idx ON mailbox (domain);
CREATE INDEX mailbox_username_active ON mailbox (username, active);
CREATE INDEX vacation_email_active ON vacation (email, active);
