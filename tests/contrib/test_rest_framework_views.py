"""What REST framework does around a handler: transactions, view sets, bodies, renderers, schemas."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import jsonschema
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test.client import encode_multipart
from django.utils.decorators import method_decorator
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import CreateAPIView, GenericAPIView
from rest_framework.parsers import FileUploadParser, JSONParser
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.renderers import AdminRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet, ViewSet

from django_authsignal.contrib.rest_framework import REFUSAL_SCHEMA, REFUSALS, StepUpAPIMixin
from django_authsignal.models import ActionEvent
from django_authsignal.policy import StepUpPolicy
from django_authsignal.testing import assert_step_up_required, assert_tracked, complete_step_up
from example_project.bank.models import Transfer
from tests.journeys.steps import press_continue

from .api import ACTION, CSRF, PATH, PAYMENT, Api, Caller, Gated, codes
from .api import caller as caller
from .api import done as done
from .api import program as program
from .api import serve as serve
from .api import visitor as visitor

HTML = {"Accept": "text/html"}


class Writing(Gated):
    """Writes, and then fails or not."""

    def post(self, request):
        request.user.first_name = "written"
        request.user.save(update_fields=["first_name"])
        self.done.append(request.data)
        if request.data == "refuse":
            raise ValidationError("no")
        if request.data == "crash":
            raise OSError
        return Response()


@pytest.fixture
def atomic_requests():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


class TestTransactions:
    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture(params=[False, True], ids=["autocommit", "ATOMIC_REQUESTS"])
    def atomic(self, request):
        connection.settings_dict["ATOMIC_REQUESTS"] = request.param
        yield request.param
        connection.settings_dict["ATOMIC_REQUESTS"] = False

    @pytest.mark.parametrize(("data", "status"), [("crash", 500), ("refuse", 400)])
    def test_view_that_pays_and_then_raises_pays_once(self, program, serve, alice, done, atomic, data, status):  # T8
        serve(Writing)
        headers = program.verified(program.send(data))
        assert program.send(data, headers=headers).status_code == status
        assert program.send(data, headers=headers).json()["code"] == "step_up_already_used"
        assert (done, codes()) == ([data], ["spent"])
        assert ActionEvent.objects.get().kind == "unfinished"
        alice.refresh_from_db()
        assert alice.first_name == ("" if atomic else "written")

    def test_view_that_returns_commits(self, caller, serve, alice, atomic):
        serve(Writing)
        assert caller.send(headers=caller.verified(caller.send())).status_code == 200
        alice.refresh_from_db()
        assert (alice.first_name, ActionEvent.objects.count()) == ("written", 0)

    def test_handler_and_what_comes_before_the_gate_run_in_transactions(self, program, serve, authsignal, atomic):
        seen = []

        class Looking(IsAuthenticated):
            def has_permission(self, request, view):
                seen.append(connection.in_atomic_block)
                return super().has_permission(request, view)

        class Seen(Gated):
            permission_classes = [Looking]

            def post(self, request):
                seen.append(connection.in_atomic_block)
                return Response()

        serve(Seen)
        authsignal.allow(ACTION)
        assert program.send().status_code == 200
        assert seen == [atomic, atomic]

    def test_non_atomic_dispatch_is_left_alone(self, program, serve, authsignal, atomic):
        seen = []

        @method_decorator(transaction.non_atomic_requests, name="dispatch")
        class Seen(Gated):
            def post(self, request):
                seen.append(connection.in_atomic_block)
                return Response()

        serve(Seen)
        authsignal.allow(ACTION)
        assert program.send().status_code == 200
        assert seen == [False]

    def test_transaction_of_a_project_around_the_gate_is_refused(self, program, serve, authsignal, done):
        serve(transaction.atomic(Gated.as_view()))
        assert program.send().status_code == 500
        assert (authsignal.requests, done) == ([], [])


@pytest.mark.parametrize("data", ["crash", "refuse", PAYMENT])
def test_answered_exceptions_leave_a_surrounding_transaction_usable(program, serve, atomic_requests, data):
    """In a TestCase the test's own transaction must not be marked for rollback in the view's place."""
    serve(Writing)
    headers = program.verified(program.send(data))
    program.send(data, headers=headers)
    program.client.credentials()
    assert program.send(data).status_code == 401
    assert codes() == ["spent"]


PAY = StepUpPolicy(ACTION)
WRITING = ("create", "update", "partial_update", "destroy")


def extra(method, **options):
    """An action beside the usual ones."""

    @action(detail=True, methods=[method], **options)
    def close(self, request, pk):
        return Response()

    return close


class Things(StepUpAPIMixin, ViewSet):
    authentication_classes, permission_classes = Api.authentication_classes, Api.permission_classes
    step_up_actions = {"list": StepUpPolicy("look"), "destroy": StepUpPolicy(ACTION)}

    def list(self, request):
        Api.done.append(self.action)
        return Response()

    def destroy(self, request, pk):
        Api.done.append(self.action)
        return Response(status=204)

    def retrieve(self, request, pk):
        Api.done.append(self.action)
        return Response()

    @action(detail=True, methods=["post"], step_up=StepUpPolicy("close"))
    def close(self, request, pk):
        Api.done.append(self.action)
        return Response()


@pytest.fixture
def things(serve, authsignal):
    router = SimpleRouter()
    router.register("things", Things, "thing")
    serve(router.urls)
    for code in ("look", "close"):
        authsignal.challenge(code)
    return {pattern.name: pattern.callback for pattern in router.urls}


def test_named_actions_of_a_view_set_are_gated_each_by_its_policy(caller, things, done):
    assert_step_up_required(caller.send(method="get", at="/api/things/"), "look")
    assert_step_up_required(caller.send(at="/api/things/1/close/"), "close")
    refused = caller.send(method="delete", at="/api/things/1/")
    assert_step_up_required(refused, ACTION)
    assert caller.send(method="get", at="/api/things/1/").status_code == 200
    assert done == ["retrieve"]
    headers = caller.verified(refused)
    assert_step_up_required(caller.send(method="delete", at="/api/things/2/", headers=headers), ACTION)
    assert caller.send(method="delete", at="/api/things/1/", headers=headers).status_code == 204
    assert done == ["retrieve", "destroy"]


def test_head_of_a_gated_action_does_not_run_it(caller, things, done):
    assert caller.client.head("/api/things/").status_code == 200
    assert done == []
    assert caller.client.head("/api/things/1/").status_code == 200
    assert done == ["retrieve"]


def test_routes_of_a_view_set_know_their_policies(things):
    known = {name: getattr(view, "step_up_policies", ()) for name, view in things.items()}
    look, destroy, close = Things.step_up_actions["list"], Things.step_up_actions["destroy"], StepUpPolicy("close")
    assert known == {"thing-list": (look,), "thing-detail": (destroy,), "thing-close": (close,)}
    assert things["thing-detail"].step_up_policy is destroy
    assert things["thing-detail"].step_up_by_method == {"GET": None, "DELETE": destroy}
    assert Gated.as_view().step_up_policies == (Gated.step_up,)


@pytest.mark.parametrize(
    ("bases", "attributes", "problem"),
    [
        ((Api,), {}, "needs step_up"),
        ((Api,), {"step_up": "pay"}, "StepUpPolicy objects"),
        ((ViewSet,), {"step_up_actions": {"list": None}}, "needs step_up"),
        ((ModelViewSet,), {"step_up_actions": {"list": "look"}}, "StepUpPolicy objects"),
        ((ModelViewSet,), {"step_up_actions": {"delete": StepUpPolicy(ACTION)}}, "names 'delete'"),
        ((ModelViewSet,), {"step_up_actions": {"create": PAY, "destroy": PAY}}, "partial_update, update would stay"),
        ((ModelViewSet,), {"step_up_actions": dict.fromkeys(WRITING, PAY), "close": extra("post")}, "close would stay"),
        ((ModelViewSet,), {"step_up_actions": {"list": PAY}, "close": extra("put", step_up=PAY)}, "create, destroy,"),
    ],
)
def test_view_that_protects_nothing_or_too_little_is_refused(bases, attributes, problem):
    view = type("View", (StepUpAPIMixin, *bases), attributes)
    with pytest.raises(ImproperlyConfigured, match=problem):
        view.as_view(*[{"get": "list"}] * issubclass(view, ViewSet | ModelViewSet))


@pytest.mark.parametrize(
    "attributes",
    [
        {"step_up_actions": {**dict.fromkeys(WRITING), "create": PAY}},
        {"step_up_actions": {"list": PAY}},
        {"step_up_actions": {"create": PAY}, "http_method_names": ["get", "post"]},
        {"step_up_actions": {"create": None}, "step_up": PAY, "close": extra("post")},
        {"step_up_actions": dict.fromkeys(WRITING, PAY), "close": extra("get")},
        {"step_up_actions": dict.fromkeys(WRITING, PAY), "close": extra("post", step_up=None)},
        {"step_up_actions": dict.fromkeys(WRITING, PAY), "close": extra("post", step_up=StepUpPolicy("close"))},
    ],
)
def test_view_set_that_says_what_it_leaves_open_is_taken(attributes):
    router = SimpleRouter()
    router.register("things", type("View", (StepUpAPIMixin, ModelViewSet), attributes), "thing")
    assert [route.name for route in router.urls][:2] == ["thing-list", "thing-detail"]


def test_method_that_is_bound_by_hand_is_named_too():
    view = type("View", (StepUpAPIMixin, ModelViewSet), {"step_up_actions": dict.fromkeys(WRITING, PAY), "pay": None})
    view.pay = view.create
    view.as_view({"get": "pay"})
    with pytest.raises(ImproperlyConfigured, match="pay would stay open"):
        view.as_view({"post": "pay"})
    view.as_view({"post": "pay"}, step_up=PAY)


def test_view_may_choose_its_policy_itself(caller, serve, done):
    class Choosing(StepUpAPIMixin, Api):
        def get_step_up_policy(self):
            return StepUpPolicy(ACTION) if self.request.data["amount"] > 1 else None

    serve(Choosing)
    assert caller.send({"amount": 1}).status_code == 200
    assert_step_up_required(caller.send({"amount": 2}), ACTION)
    assert done == [{"amount": 1}]


class Reads(BasePermission):
    """A permission that needs the body."""

    def has_permission(self, request, view):
        assert request.data is not None
        return True


class Uploading(Gated):
    def do(self, request, **kwargs):
        content = request.data["file"].read().decode() if "file" in request.data else ""
        self.done.append({**request.POST.dict(), "file": content} if content else dict(request.data.items()))
        return Response()

    post = put = patch = do


@pytest.mark.parametrize("permissions", [[IsAuthenticated], [IsAuthenticated, Reads]], ids=["gate first", "DRF first"])
@pytest.mark.parametrize("method", ["post", "put", "patch"])
@pytest.mark.parametrize("kind", ["json", "multipart", "file", "form"])
def test_body_is_bound_and_reaches_the_handler(caller, serve, done, permissions, method, kind):  # T4
    class View(Uploading):
        permission_classes = permissions

    def send(amount, boundary="one", headers=None):
        if kind == "json":
            return caller.send({"amount": amount}, method, headers=headers)
        if kind == "form":
            form = {"content_type": "application/x-www-form-urlencoded", "format": None}
            return caller.send(f"amount={amount}", method, headers=headers, **form)
        parts = [f'name="amount"\r\n\r\n{amount}']
        if kind == "file":
            parts.append('name="file"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\ncontent')
        body = "".join(f"--{boundary}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts)
        options = {"content_type": f"multipart/form-data; boundary={boundary}", "format": None}
        return caller.send(f"{body}--{boundary}--\r\n".encode(), method, headers=headers, **options)

    serve(View)
    headers = caller.verified(send("5"))
    assert_step_up_required(send("6", headers=headers), ACTION)
    assert send("5", boundary="another", headers=headers).status_code == 200  # as every real client chooses anew
    assert done == [{"amount": "5", "file": "content"} if kind == "file" else {"amount": "5"}]


def test_changed_file_does_not_fit(caller, serve, done):  # T4
    def upload(content):
        return caller.send({"file": SimpleUploadedFile("f.txt", content)}, "put", headers=headers, format="multipart")

    serve(Uploading)
    headers = None
    headers = caller.verified(upload(b"one"))
    assert_step_up_required(upload(b"two"), ACTION)
    assert done == []
    assert upload(b"one").status_code == 200


class Receiving(Gated):
    """A file that is the whole body."""

    parser_classes = [FileUploadParser]

    def post(self, request):
        self.done.append(request.data["file"].read())
        return Response()


def send_file(caller, content, headers=None):
    disposition = {"HTTP_CONTENT_DISPOSITION": "attachment; filename=f.bin"}
    return caller.send(content, format=None, content_type="application/x-file", headers=headers, **disposition)


def test_file_that_is_the_whole_body_is_bound(caller, serve, done):
    serve(Receiving)
    headers = caller.verified(send_file(caller, b"one"))
    assert_step_up_required(send_file(caller, b"two", headers), ACTION)
    assert send_file(caller, b"one", headers).status_code == 200
    assert done == [b"one"]


def test_file_too_large_to_be_kept_needs_a_bind(caller, serve, settings, done):
    class Streaming(Receiving):
        step_up = StepUpPolicy(ACTION, bind=lambda request: {"name": request.headers["Content-Disposition"]})

    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 5000
    content = b"x" * 5001
    serve(Receiving)
    assert send_file(caller, content).status_code in (400, 500)  # 500 where REST framework has read it before
    serve(Streaming)
    headers = caller.verified(send_file(caller, content))
    assert send_file(caller, content, headers).status_code == 200
    assert done == [content]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", "application/json", 400),
        ("a=b", "application/x-www-form-urlencoded", 415),
    ],
)
def test_body_that_no_parser_reads_is_the_answer_of_rest_framework(visitor, serve, authsignal, body, kind, status):
    class Strict(Gated):
        parser_classes = [JSONParser]
        step_up = StepUpPolicy(ACTION, bind=lambda request: {"amount": request.data["amount"]})

    serve(Strict)
    assert visitor.send(body, "put", format=None, content_type=kind).status_code == status
    assert authsignal.requests == []


class PaymentSerializer(serializers.Serializer):
    amount = serializers.DecimalField(max_digits=9, decimal_places=2)
    payee = serializers.CharField()


def terms(request):
    serializer = PaymentSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    return {**serializer.validated_data, "_user": str(request.auth)}


class Validating(Gated):
    step_up = StepUpPolicy(
        ACTION,
        bind=terms,
        when=lambda request: request.data,
        custom=lambda request: {"via": request.accepted_media_type},
    )


def test_functions_of_a_policy_get_the_request_of_rest_framework(caller, serve, authsignal, done):
    serve(Validating)
    assert caller.send({}).status_code == 200  # when: nothing in it
    assert authsignal.requests == []
    invalid = caller.send({"amount": "much"})
    assert (invalid.status_code, invalid.json().keys()) == (400, {"amount", "payee"})
    assert (authsignal.requests, done) == ([], [{}])
    headers = caller.verified(caller.send(PAYMENT))
    assert_tracked(ACTION, custom={"amount": 5, "payee": "Landlord", "via": "application/json"}, times=1)
    assert caller.send({"payee": "Landlord", "amount": "5.00"}, headers=headers).status_code == 200  # the same terms


def test_program_gets_problem_details_whatever_it_accepts(program):
    assert program.send(headers=HTML)["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("accept", ["*/*", "application/json", None])
@pytest.mark.parametrize("options", [{"method": "delete"}, {"method": "get"}, {"format": "multipart"}])
def test_fetch_gets_problem_details(visitor, accept, options):
    refused = visitor.send(headers={"Accept": accept} if accept else {}, **options)
    assert refused["Content-Type"] == "application/problem+json"


class Browsable(Gated, GenericAPIView):
    step_up = StepUpPolicy(ACTION, methods=["POST"])
    serializer_class = PaymentSerializer


def test_form_of_the_browsable_api_is_held_and_sent_again(visitor, serve, authsignal, done):
    serve(Browsable)
    shown = visitor.send(method="get", headers=HTML)
    assert b'name="payee"' in shown.content  # its form is there, and drawing it asked nobody
    assert (authsignal.requests, len(done)) == ([], 1)

    held = visitor.send(PAYMENT, headers=HTML, format="multipart")
    assert (held.status_code, len(done)) == (403, 1)
    complete_step_up(visitor.client, held)
    assert press_continue(visitor.client, held).status_code == 200
    assert done[1].keys() - {"csrfmiddlewaretoken"} == PAYMENT.keys()


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=one", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("csrf", [{}, {"HTTP_X_CSRFTOKEN": CSRF}], ids=["DRF parses first", "Django parses first"])
def test_handler_gets_the_held_form_without_the_field_that_names_the_row(visitor, done, kind, csrf):
    def send(**more):
        fields = {"amount": "5", "csrfmiddlewaretoken": CSRF, **more}
        body = urlencode(fields) if "url" in kind else encode_multipart("one", fields)
        return visitor.send(body, format=None, content_type=kind)

    visitor.client.credentials(**csrf)
    refused = send()
    key = visitor.verified(refused)["Authsignal-Step-Up"]
    assert send(_step_up_key=key).status_code == 200
    assert done[0].dict() == {"amount": "5", "csrfmiddlewaretoken": CSRF}


def test_page_of_the_browsable_api_leads_to_the_challenge_and_back(visitor, done):
    refused = visitor.send(method="get", headers=HTML)
    assert refused.status_code == 302
    back = complete_step_up(visitor.client, refused)
    assert back["Location"] == PATH
    assert visitor.send(method="get", headers=HTML).status_code == 200
    assert len(done) == 1


class Administered(StepUpAPIMixin, CreateAPIView):
    authentication_classes, permission_classes = Api.authentication_classes, Api.permission_classes
    renderer_classes = [JSONRenderer, AdminRenderer]
    serializer_class = PaymentSerializer

    def get(self, request):
        Api.done.append("secret")
        return Response({"secret": "balance"})


@pytest.mark.parametrize(("method", "shown"), [("GET", False), ("POST", True)])
def test_renderer_that_calls_a_handler_does_not_get_round_the_gate(
    visitor, serve, authsignal, done, method, shown
):  # T37
    """AdminRenderer calls get() by itself to surround the errors of a form."""

    class View(Administered):
        def get_step_up_policy(self):
            return StepUpPolicy(ACTION) if self.request.method == method else None

    authsignal.allow(ACTION)
    serve(View)
    answer = visitor.send({"amount": "much"}, headers=HTML, format="multipart")
    assert answer.status_code == 400
    assert (b"balance" in answer.content, bool(done)) == (shown, shown)


class TestSchema:
    @pytest.mark.parametrize(
        ("prepare", "code"),
        [
            (lambda service: service.challenge(ACTION), "step_up_required"),
            (lambda service: service.block(ACTION), "step_up_blocked"),
            (lambda service: service.review(ACTION), "step_up_under_review"),
            (lambda service: service.answer(ACTION, "CHALLENGE_SUCCEEDED"), "step_up_error"),
            (lambda service: service.down(), "step_up_unavailable"),
        ],
    )
    def test_every_refusal_is_as_described(self, caller, authsignal, prepare, code):
        prepare(authsignal)
        refused = caller.send()
        assert refused.json()["code"] == code
        self.check(refused)

    def test_enrolment_is_as_described(self, caller, authsignal, alice):
        authsignal.unenrolled(alice)
        refused = caller.send()
        assert refused.json()["code"] == "step_up_enrol"
        self.check(refused)

    def test_bad_request_is_as_described(self, caller, serve):
        class Bound(Gated):
            step_up = StepUpPolicy(ACTION, bind=["iban"])

        serve(Bound)
        self.check(caller.send())

    def check(self, refused):
        problem = refused.json()
        jsonschema.validate(problem, REFUSAL_SCHEMA)
        assert problem.keys() <= REFUSAL_SCHEMA["properties"].keys()
        assert (refused.status_code, refused["Content-Type"]) in REFUSALS

    def test_generator_describes_the_refusals(self, serve, settings):
        @extend_schema(request=PaymentSerializer, responses={200: PaymentSerializer, **REFUSALS})
        class Described(Gated):
            schema = AutoSchema()
            http_method_names = ["post"]

        serve(Described)
        schema = SchemaGenerator(patterns=[*settings.ROOT_URLCONF][:1]).get_schema(public=True)
        responses = schema["paths"][PATH]["post"]["responses"]
        assert responses.keys() == {"200", "400", "403", "409", "429", "502", "503"}
        assert responses["403"]["content"]["application/problem+json"]["schema"]["properties"]["resume"]

    def test_schema_is_plain_json(self):
        jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(REFUSAL_SCHEMA)))


class TestBank:
    """The example's own endpoint."""

    @pytest.fixture(params=["session", "token", "jwt"])
    def customer(self, request, bank, alice, settings):
        settings.ROOT_URLCONF = "example_project.urls"
        return Caller(request.param, alice)

    def pay(self, customer, amount, headers=None, payee="Landlord"):
        return customer.send({"payee": payee, "amount": amount}, at="/api/transfers/", headers=headers)

    def test_large_transfer_is_paid_once_after_the_challenge(self, bank, customer):
        headers = customer.verified(self.pay(customer, 5000))
        assert self.pay(customer, 5000, headers).status_code == 201
        assert self.pay(customer, 5000, headers).status_code == 409
        assert bank.ledger == [("Landlord", 5000)]
        assert customer.send(method="get", at="/api/transfers/").json()[0]["amount"] == "5000.00"

    def test_small_one_is_paid_and_blocked_one_is_not(self, bank, customer):
        assert self.pay(customer, 5).status_code == 201
        assert self.pay(customer, 5, payee="Blocked Ltd").json()["code"] == "step_up_blocked"
        assert bank.ledger == [("Landlord", 5)]

    @pytest.mark.parametrize("amount", ["", 0, "much"])
    def test_invalid_one_is_refused_and_not_tracked(self, bank, customer, amount):
        assert self.pay(customer, amount).json().keys() == {"amount"}
        assert (bank.ledger, bank.authsignal.requests) == ([], [])

    def test_overdraft_is_refused(self, bank, customer):
        assert self.pay(customer, "25000.01", customer.verified(self.pay(customer, "25000.01"))).status_code == 400
        assert not Transfer.objects.exists()

    @pytest.mark.parametrize(("path", "name", "word"), [("token", "token", "Token"), ("jwt", "access", "Bearer")])
    def test_credentials_are_given_for_a_password(self, client, alice, path, name, word):
        given = client.post(f"/api/{path}/", {"username": "alice", "password": "alice"}).json()[name]
        stranger = Caller("nobody", None)
        stranger.client.credentials(HTTP_AUTHORIZATION=f"{word} {given}")
        assert stranger.send(method="get", at="/api/transfers/").json() == []
