"""URLs of the REST API: path("api/v1/", include("presence.urls"))."""

from django.urls import path

from presence import views

app_name = "presence"

urlpatterns = [
    path("presence", views.PresenceListView.as_view(), name="list"),
    path("presence/me", views.OwnPresenceView.as_view(), name="me"),
]
