<?php

/**
 * Tells Dovecot who uses this webmail: the browser's address as `x-originating-ip` in IMAP's ID (RFC 2971), sent before
 * the login, as Dovecot takes it from its `login_trusted_networks`. Without it every login by webmail comes from the web
 * server, which is nobody's home and says nothing. Roundcube 1.6 (`preauth_ident`, its issue 7860).
 */
class sekisho_client_address extends rcube_plugin
{
    public function init()
    {
        $this->add_hook('storage_connect', [$this, 'tell']);
    }

    public function tell($args)
    {
        // Behind a proxy this is the address that `proxy_whitelist` lets it say.
        $address = rcube_utils::remote_addr();
        if (filter_var($address, FILTER_VALIDATE_IP)) {
            $args['preauth_ident'] = ['x-originating-ip' => $address] + ($args['preauth_ident'] ?? []);
        }

        return $args;
    }
}
