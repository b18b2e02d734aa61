"""Notifications in the admin.

Django's autodiscovery imports this package; each module registers its own pages.
"""

from notifications.admin import broadcasts, notifications

__all__ = ["broadcasts", "notifications"]
