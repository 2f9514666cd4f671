"""The one exception of this room."""


class WireError(ValueError):
    """A neighbour said something that cannot be read. The text names the field, never a value of it."""
