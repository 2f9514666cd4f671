"""One module per part of the panel; each view takes its rows from `directory.access` and answers strangers with 404."""
