"""URLs of the API. Mount them where the reference has them:

path("api/v1/", include("realtime.urls"))
"""

from django.urls import path, re_path

from realtime import views

app_name = "realtime"

urlpatterns = [
    path("realtime/poll", views.PollView.as_view(), name="poll"),
    path("realtime/poll/missed", views.MissedView.as_view(), name="missed"),
    path("realtime/send", views.SendView.as_view(), name="send"),
    re_path(r"^realtime/(?P<path>.*)$", views.UnknownRealtimeView.as_view()),
    path("auth/token", views.ObtainTokenView.as_view(), name="token"),
    path("auth/token/refresh", views.RefreshTokenView.as_view(), name="token-refresh"),
    path("auth/token/session", views.SessionTokenView.as_view(), name="token-session"),
]
