from django.apps import AppConfig


class ShopNotificationsConfig(AppConfig):
    name = "shop.notifications"
    default_auto_field = "django.db.models.BigAutoField"
