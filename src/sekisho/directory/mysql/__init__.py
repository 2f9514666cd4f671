"""Django's backend for MariaDB and MySQL, with PyMySQL, as Sekisho needs it (see `base`)."""
