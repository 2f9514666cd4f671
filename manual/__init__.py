"""The reference pages of the documentation, made from the code: `make docs` writes them, a unit test compares them.

Not part of the package that is installed. Each module has one function `page()`, which returns the page's text and
reads nothing but the code, so that the same code gives the same bytes.
"""
