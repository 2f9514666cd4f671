"""Deploy: configuration of Postfix, Dovecot and Sekisho itself, and the local stack of `sekisho up`.

May enter: the command line. Imports config, directory and the journal; never guard, containment or web, whose processes
it only starts. It must never overwrite a barrier file, and it contains no demo domain, address or network: those
are read from `demo/`. Names for others: `stack.up(options)`, `layout.layout_from_environment()`,
`render.template(name)`.
"""
