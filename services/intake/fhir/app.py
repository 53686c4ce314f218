"""The HTTP side (ASGI): who asks, what for, and an OperationOutcome for whatever goes wrong."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from secrets import token_hex
from time import monotonic
from typing import Any

from services.intake.fhir import metrics
from services.intake.fhir.body import Gone, Receive, read_body
from services.intake.fhir.capability import statement
from services.intake.fhir.outcomes import FHIR_JSON, Answer, failure
from services.intake.fhir.rate import Rates, TooMuch
from services.intake.fhir.settings import FhirSettings
from services.intake.fhir.taking import FhirTaker, sender_of
from services.intake.fhir.tokens import Token, Tokens, Unsure
from services.intake.origin import Origin
from services.mapping.site import Site
from services.shared.log import get_logger

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_ADDRESS = re.compile(r"/fhir(?:/(?P<type>[A-Z][A-Za-z]{1,63})(?:/(?P<id>[A-Za-z0-9\-.]{1,64}))?)?/?")
_JSON = frozenset({"application/fhir+json", "application/json", "text/json", "application/json+fhir"})
_CHARSETS = frozenset({"", "utf-8", "utf8"})

logger = get_logger()


class Refused(Exception):
    """An answer that ends the request before its body is read."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def _refuse(status: HTTPStatus, code: str, text: str, **headers: str) -> Refused:
    return Refused(failure(status, code, text, **headers))


class FhirApp:
    """Called by the HTTP server once a request."""

    def __init__(self, settings: FhirSettings, taker: FhirTaker, tokens: Tokens, site: Callable[[], Site]) -> None:
        self._settings, self._taker, self._tokens, self._site = settings, taker, tokens, site
        self._rates = Rates(settings.fhir_rate, settings.fhir_in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Never raises: what is our fault is logged with a number that the answer carries."""
        with metrics.IN_FLIGHT.track_inprogress():
            try:
                answer = await self._answered(scope, receive)
            except Gone:
                return
            except Exception:  # a fault of ours must reach neither the sender nor other requests
                number = token_hex(6)
                logger.exception("fhir.failed", number=number)
                text = f"something failed inside Halo (error {number}); send it again, and tell the hospital"
                answer = failure(HTTPStatus.INTERNAL_SERVER_ERROR, "exception", text, retry_after="30")
            metrics.REQUESTS.labels(metrics.type_label(answer.type), str(int(answer.status))).inc()
            await _send(answer, send, head=scope["method"] == "HEAD")

    async def _answered(self, scope: Scope, receive: Receive) -> Answer:
        try:
            return await self._routed(scope, receive)
        except Refused as refused:
            return refused.answer
        except TooMuch as limit:
            return failure(HTTPStatus.TOO_MANY_REQUESTS, "throttled", limit.text, retry_after=str(limit.seconds))

    async def _routed(self, scope: Scope, receive: Receive) -> Answer:
        method, path, headers = scope["method"], scope["path"], _headers(scope)
        if path.rstrip("/") == "/fhir/metadata" and method in ("GET", "HEAD"):
            return Answer(status=HTTPStatus.OK, body=statement())
        token = await self._token(headers, scope)
        found = _ADDRESS.fullmatch(path)
        if found is None:
            raise _refuse(HTTPStatus.NOT_FOUND, "not-found", "post to /fhir, /fhir/TYPE, or put to /fhir/TYPE/ID")
        kind, number = found["type"] or "", found["id"] or ""
        peer = (scope.get("client") or ("",))[0]
        with self._rates.request(token.id):
            if method == "DELETE" and number:
                return await self._taker.refuse_deletion(f"{kind}/{number}", token.sender, peer)
            _check_method(method, number)
            _check_content(headers)
            return await self._take(receive, token, peer, kind, number)

    async def _take(self, receive: Receive, token: Token, peer: str, kind: str, number: str) -> Answer:
        settings = self._settings
        try:
            body = await read_body(receive, settings.fhir_max_body_bytes, settings.fhir_body_seconds)
        except TimeoutError as error:
            text = f"the request was not complete within {settings.fhir_body_seconds:g} s"
            raise _refuse(HTTPStatus.REQUEST_TIMEOUT, "timeout", text, connection="close") from error
        started = monotonic()
        answer = await self._taker.take(
            body, token.sender, peer, resource_type="" if kind == "Bundle" and not number else kind, resource_id=number
        )
        metrics.ANSWER_SECONDS.observe(monotonic() - started)
        return answer

    async def _token(self, headers: dict[str, str], scope: Scope) -> Token:
        word, _, secret = headers.get("authorization", "").partition(" ")
        if word.lower() != "bearer" or not secret.strip():
            raise _unknown("send the sender's token: Authorization: Bearer ...")
        try:
            token = await self._tokens.find(secret.strip())
        except Unsure as error:
            text = "tokens cannot be checked at the moment; send the same request again"
            raise _refuse(HTTPStatus.SERVICE_UNAVAILABLE, "transient", text, retry_after="5") from error
        if token is None:
            raise _unknown("this token is unknown, expired or revoked; ask the hospital for another")
        self._check_sender(token, scope)
        return token

    def _check_sender(self, token: Token, scope: Scope) -> None:
        site = self._site()
        if not site.senders:
            return
        sender = sender_of(site, token.sender)
        if sender is None:
            text = "the sender of this token is not listed in the site file; ask for a [[sender]] entry of its name"
            raise _refuse(HTTPStatus.FORBIDDEN, "forbidden", text)
        if not Origin(address=(scope.get("client") or ("",))[0]).comes_from(sender.addresses):
            raise _refuse(HTTPStatus.FORBIDDEN, "forbidden", "this address is not the sender's in the site file")


def _unknown(text: str) -> Refused:
    return _refuse(HTTPStatus.UNAUTHORIZED, "login", text, www_authenticate='Bearer realm="halo"')


def _check_method(method: str, number: str) -> None:
    if (method, bool(number)) in {("POST", False), ("PUT", True)}:
        return
    text = "nothing is read back here; POST a resource or Bundle, or PUT it to /fhir/TYPE/ID"
    raise _refuse(HTTPStatus.METHOD_NOT_ALLOWED, "not-supported", text, allow="PUT" if number else "POST")


def _check_content(headers: dict[str, str]) -> None:
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"') if "charset" in parameters.lower() else ""
    if kind.strip().lower() not in _JSON or charset not in _CHARSETS:
        text = "send FHIR as JSON in UTF-8, Content-Type: application/fhir+json; XML and other formats are not read"
        raise _refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-supported", text)
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        text = "send the body uncompressed, without Content-Encoding"
        raise _refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-supported", text)


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _send(answer: Answer, send: Send, *, head: bool) -> None:
    body = answer.encoded()
    headers = [
        (b"content-type", FHIR_JSON), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *((name.encode(), value.encode()) for name, value in answer.headers.items()),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})
