from django.conf import settings
from django.db import models


class Notification(models.Model):
    """A parcel is on its way."""

    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    text = models.TextField()

    def __str__(self):
        return self.text
