"""Checks of a machine and of a data folder; each says what it found and, where needed, how to mend it."""
