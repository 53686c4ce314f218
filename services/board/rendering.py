"""Pages from templates: every value escaped, every text from the catalogue, every picture made here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Request, Response
from markupsafe import Markup

from alerts.logic import Interval
from services.board import sparkline as sparklines
from services.board.context import board_of, secret_of
from services.board.records import Trend
from services.board.rules_now import RulesNow
from services.board.secret import csrf_of
from services.board.words import LANGUAGES, Language, Words, age, preferred
from services.shared.metrics import halo_version

LANGUAGE_COOKIE = "halo_lang"


@cache
def environment() -> Environment:
    """Undefined names are errors, not empty text."""
    made = Environment(
        loader=PackageLoader("services.board", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals |= {"build": build()}
    return made


@cache
def build() -> str:
    """Changes with the program and its static files: screens reload when it does."""
    digest = hashlib.sha256(halo_version().encode())
    for name in ("halo.css", "halo.js"):
        digest.update(resources.files("services.board").joinpath("static", name).read_bytes())
    return digest.hexdigest()[:12]


def shown(rules: RulesNow) -> str:
    """What a screen compares with the server's: the program, and what the page says of the rules."""
    return f"{build()}-{rules.stamp}"


def words_for(request: Request[Any, Any, Any]) -> Words:
    """The reader's language: asked for in the address, chosen before, the person's own, the browser's, the site's."""
    settings = board_of(request).settings
    viewer = request.scope.get("user")
    wishes = (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE), getattr(viewer, "language", ""))
    for wish in wishes:
        if wish in LANGUAGES:
            return Words(_language(wish), settings.zone)
    return Words(preferred(request.headers.get("accept-language", ""), settings.language), settings.zone)


def _language(text: str) -> Language:
    return "sl" if text == "sl" else "en"


def _in_language(request: Request[Any, Any, Any], code: str) -> str:
    """The page's own address in another language; the rest of the address (ward, without names, ...) stays as it is."""
    asked = parse_qsl(request.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    return f"?{urlencode([*(pair for pair in asked if pair[0] != 'lang'), ('lang', code)])}"


def page(request: Request[Any, Any, Any], template: str, *, status_code: int = 200, **values: Any) -> Response[str]:
    """An HTML answer; remembers a language that was asked for in the address."""
    words = words_for(request)
    secret = secret_of(request)
    shared = {
        "t": words, "now": datetime.now(UTC), "viewer": request.scope.get("user"), "csrf": csrf_of(secret),
        "rules": board_of(request).live.rules, "shown": shown(board_of(request).live.rules),
        "realm": board_of(request).realm, "path": request.scope["path"],
        "lang_link": lambda code: _in_language(request, code),
    }  # fmt: skip
    html = render(template, shared | values)
    made = Response(html, status_code=status_code, media_type=MediaType.HTML)
    if request.query_params.get("lang") in LANGUAGES:
        made.set_cookie(LANGUAGE_COOKIE, words.language, httponly=True, samesite="strict", max_age=31_536_000)
    return made


def render(template: str, values: Mapping[str, Any]) -> str:
    """The template with these values; `t` is the reader's Words."""
    words: Words = values["t"]
    helpers = {
        "spark": lambda trend, name: _spark(trend, name, words), "age": age, "markup": Markup,
        "interval": lambda interval: interval_text(interval, words),
    }  # fmt: skip
    return environment().get_template(template).render(helpers | dict(values))


def _spark(trend: Trend, name: str, words: Words) -> Markup:
    title = f"{name}: {trend.last.comparator}{words.number(trend.last.value)} {words.unit(trend.unit)}"
    first = trend.dots[-sparklines.SHOWN :][0]
    description = words(
        "spark.description", count=min(len(trend.dots), sparklines.SHOWN), start=words.day(first.at),
        end=words.day(trend.last.at),
    )  # fmt: skip
    return Markup(sparklines.sparkline(trend, title, description))  # noqa: S704 - made here, texts escaped in it


def interval_text(interval: Interval | None, words: Words) -> str:
    """A number, a bound, or a range."""
    if interval is None:
        return words("unknown")
    if interval.exact is not None:
        return words.number(interval.exact)
    if interval.high is None:
        return f"{'≥' if interval.low_closed else '>'} {words.number(interval.low)}"
    if interval.low == 0:
        return f"{'≤' if interval.high_closed else '<'} {words.number(interval.high)}"
    return f"{words.number(interval.low)} … {words.number(interval.high)}"
