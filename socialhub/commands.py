"""What the sample site plugs into the apps: the texts of its notifications."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from notifications.texts import register_text

register_text("like", _("%(actor)s liked your post"))
register_text("comment", _("%(actor)s commented on your post: “%(excerpt)s”"))
register_text("mention", _("%(actor)s mentioned you: “%(excerpt)s”"))
register_text("follow", _("%(actor)s follows you"))
