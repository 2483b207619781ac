"""A project small enough to test the kit alone: each view asks the service itself and answers as the gate would."""

from types import SimpleNamespace

import requests
from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path


def call(method, route, payload=None):
    url = f"{settings.AUTHSIGNAL_API_URL}{route}"
    prepared = requests.Request(method, url, json=payload, auth=(settings.AUTHSIGNAL_SECRET, "")).prepare()
    return settings.AUTHSIGNAL_ADAPTER.send(prepared, timeout=1).json()


def track(request, action):
    back = f"{settings.AUTHSIGNAL_SITE_URL}/back/?keep=1"
    return call("POST", f"/users/u/actions/{action}", {"redirectUrl": back, "custom": request.POST.dict()})


def redirecting(request, action):
    answer = track(request, action)
    if answer["state"] == "CHALLENGE_REQUIRED" or not answer["isEnrolled"]:
        return HttpResponseRedirect(answer["url"])
    return HttpResponse(answer["state"])


def problem(request, action):
    answer = track(request, action)
    body = {"code": "step_up_required", "action": action, "challenge_url": answer["url"]}
    return JsonResponse(body, status=403, content_type="application/problem+json")


def holding(request, action):
    response = HttpResponse("please verify", status=403)
    response.step_up = SimpleNamespace(outcome="challenge", action_code=action, url=track(request, action)["url"])
    return response


def blocked(request):
    return JsonResponse({"code": "step_up_blocked", "action": "pay"}, status=403)


def enrolling(request):
    return JsonResponse({"code": "step_up_enrol", "action": "pay"}, status=403)


def back(request):
    answer = call("POST", "/validate", {"token": request.GET["token"]})
    return JsonResponse(answer | {"keep": request.GET["keep"], "secure": request.is_secure()})


urlpatterns = [
    path("redirecting/<action>/", redirecting),
    path("problem/<action>/", problem),
    path("holding/<action>/", holding),
    path("blocked/", blocked),
    path("enrolling/", enrolling),
    path("back/", back),
]
