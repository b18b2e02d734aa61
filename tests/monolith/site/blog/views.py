from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST

from blog.models import Comment, Post


@login_required
@never_cache
@ensure_csrf_cookie
def page(request):
    return render(request, "blog/page.html")


@login_required
@require_POST
def write_post(request):
    post = Post.objects.create(author=request.user, text=request.POST["text"])
    return JsonResponse({"id": post.pk})


@login_required
@require_POST
def write_comment(request, pk):
    post = get_object_or_404(Post, pk=pk)
    comment = Comment.objects.create(post=post, author=request.user, text=request.POST["text"])
    return JsonResponse({"id": comment.pk})
