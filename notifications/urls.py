"""URLs of the REST API: path("api/v1/", include("notifications.urls"))."""

from django.urls import path

from notifications import views

app_name = "notifications"

urlpatterns = [
    path("notifications", views.NotificationListView.as_view(), name="list"),
    path("notifications/unread-count", views.UnreadCountView.as_view(), name="unread-count"),
    path("notifications/read-all", views.ReadAllView.as_view(), name="read-all"),
    path("notifications/mutes", views.MutesView.as_view(), name="mutes"),
    path("notifications/mutes/types/<str:type>", views.MuteTypeView.as_view(), name="mute-type"),
    path("notifications/<str:notification_id>/read", views.ReadView.as_view(), name="read"),
]
