"""The files in deploy/, run as they are: only addresses and paths are put in their place."""
