"""Notifications: what happened to a user, kept, counted, and told at once."""
