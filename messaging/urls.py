"""URLs of the REST API: path("api/v1/", include("messaging.urls"))."""

from django.urls import path

from messaging import views

app_name = "messaging"

_ONE = "conversations/<str:conversation_id>"

urlpatterns = [
    path("conversations", views.ConversationsView.as_view(), name="conversations"),
    path(f"{_ONE}/messages", views.MessagesView.as_view(), name="messages"),
    path(f"{_ONE}/messages/<str:message_id>", views.MessageView.as_view(), name="message"),
    path(f"{_ONE}/mute", views.MuteView.as_view(), name="mute"),
    path(f"{_ONE}/read", views.ReadView.as_view(), name="read"),
    path(f"{_ONE}/leave", views.LeaveView.as_view(), name="leave"),
    path(f"{_ONE}/participants", views.ParticipantsView.as_view(), name="participants"),
    path(f"{_ONE}/participants/<str:user_id>", views.ParticipantView.as_view(), name="participant"),
]
