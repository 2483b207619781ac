"""The bank with a language before every path, the gate's own pages and the webhook included."""

from django.conf.urls.i18n import i18n_patterns

from example_project.urls import urlpatterns as bank_urls

urlpatterns = i18n_patterns(*bank_urls)
