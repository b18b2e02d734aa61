from django.contrib import admin
from django.contrib.admin.apps import AdminConfig


class Backoffice(admin.AdminSite):
    site_header = "Backoffice"

    def __init__(self, name="backoffice"):
        super().__init__(name)


class BackofficeConfig(AdminConfig):
    default_site = "mysite.backoffice.Backoffice"
