"""Measurements of the product against what it replaces; see README.md here."""
