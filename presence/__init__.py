"""Presence: who is online, away, busy or offline, and since when."""
