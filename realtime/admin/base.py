"""What all our admin pages have in common, in whichever theme the site's admin has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse

# django-unfold styles only what inherits its classes. This is the one place that knows.
UNFOLD = apps.is_installed("unfold")
if TYPE_CHECKING or not UNFOLD:
    from django.contrib.admin import ModelAdmin, TabularInline
    from django.contrib.admin.widgets import AdminRadioSelect as RadioSelect
    from django.contrib.admin.widgets import AdminTextareaWidget as Textarea
    from django.contrib.admin.widgets import AdminTextInputWidget as TextInput
    from django.forms import CheckboxInput, Select
else:
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.widgets import UnfoldAdminRadioSelectWidget as RadioSelect
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextareaWidget as Textarea
    from unfold.widgets import UnfoldAdminTextInputWidget as TextInput
    from unfold.widgets import UnfoldBooleanWidget as CheckboxInput

__all__ = [
    "UNFOLD",
    "CheckboxInput",
    "ModelAdmin",
    "RadioSelect",
    "ReadOnly",
    "ReadOnlyAdmin",
    "Select",
    "TabularInline",
    "TextInput",
    "Textarea",
    "list_page",
]


def list_page(model_admin: ModelAdmin) -> str:
    """The path of the list of a model, in the admin site that shows it."""
    options = model_admin.opts
    return reverse(
        f"admin:{options.app_label}_{options.model_name}_changelist",
        current_app=model_admin.admin_site.name,
    )


class ReadOnly:
    """Of pages and inlines: nothing is added, changed or deleted, the product alone writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    """Rows that go along when the admin deletes their user, and not otherwise."""

    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Asked about such rows too, on the user's page.
        return obj is not None and not request.path.startswith(list_page(self))
