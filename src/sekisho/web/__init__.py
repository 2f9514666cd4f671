"""Door to be written."""
