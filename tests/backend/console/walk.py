"""Walking through the console as a browser shows it: from link to link, reading each form on the way."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urljoin, urlsplit

from sqlmodel import Session

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.guides import guidance
from backend.runs import configurations
from backend.tables import Role
from tests.backend import staff_world
from tests.backend.console import models_world, review_world
from tests.backend.console.conftest import Visit
from tests.backend.routes_table import ROUTES
from training import recipe

SAMPLES_OF_EACH = 2
"""So many links to one route are followed: the second one may show what the first has not."""
READ = """() => ({
  links: [...document.querySelectorAll('a[href]')].map(each => each.href),
  asked: [...document.querySelectorAll('[hx-get], [hx-post]')].map(each => ({
    method: each.hasAttribute('hx-get') ? 'GET' : 'POST',
    path: each.getAttribute('hx-get') ?? each.getAttribute('hx-post'),
    works_without: each.matches('a[href], form') || each.closest('form') !== null || each.matches('[hx-trigger]'),
  })),
  forms: [...document.forms].map(each => ({
    method: each.getAttribute('method'), action: each.getAttribute('action'), html: each.outerHTML.slice(0, 300),
    submits: each.querySelector('button:not([type=button]), input[type=submit]') !== null
      || document.querySelector(`button[form="${each.id || '-'}"]`) !== null,
    fields: [...each.elements].filter(field => field.name).map(field => ({
      name: field.name, kind: field.tagName === 'INPUT' ? field.type : field.tagName.toLowerCase(),
      value: field.value, checked: field.checked ?? false, longest: field.maxLength ?? -1,
      options: field.options ? [...field.options].map(option => option.value) : [],
    })),
  })),
})"""


@dataclass(frozen=True)
class Form:
    page: str
    method: str | None
    action: str | None
    html: str
    submits: bool
    fields: tuple[dict[str, Any], ...]

    @property
    def target(self) -> str:
        return urljoin(self.page, self.action or "")

    @property
    def secret(self) -> str | None:
        return next((str(each["value"]) for each in self.fields if each["name"] == "csrf"), None)


@dataclass(frozen=True)
class Page:
    path: str
    links: tuple[str, ...]
    asked: tuple[dict[str, Any], ...]
    forms: tuple[Form, ...]


def pages(visitor: Visit, start: str = "/console", look: Callable[[str], None] = lambda text: None) -> Iterator[Page]:
    """Yield each page that links lead to from `start`, some of each route; `look` gets its source. Files are left."""
    waiting, seen, asked = deque([start]), {start}, dict[str, int]()
    while waiting:
        path = waiting.popleft()
        answer = visitor.page.goto(visitor.address + path)
        assert answer is not None
        assert answer.ok, f"{path} answered {answer.status}"
        look(answer.text())
        found = _read(visitor, path)
        yield found
        for link in found.links:
            onward = _inside(visitor, path, link)
            if onward is None or onward in seen:
                continue
            seen.add(onward)
            kind = f"{route('GET', onward)}?{'&'.join(sorted(re.findall(r'[?&]([^=&]+)=', onward)))}"
            asked[kind] = asked.get(kind, 0) + 1
            if asked[kind] <= SAMPLES_OF_EACH and leads_to_page(visitor, onward):
                waiting.append(onward)


def route(method: str, path: str) -> str | None:
    """Return the route that takes this path, as the table of all routes writes it."""
    bare = urlsplit(path).path
    return next((each for each, pattern in _patterns(method) if pattern.fullmatch(bare)), None)


def leads_to_page(visitor: Visit, path: str) -> bool:
    """Whether it is a page, and not a file to keep; raise if it is neither."""
    answer = visitor.context.request.get(visitor.address + path, max_redirects=0)
    assert answer.status < 400, f"{path} answered {answer.status}"
    kept = "attachment" in answer.headers.get("content-disposition", "")
    return "text/html" in answer.headers.get("content-type", "") and not kept


def fill(session: Session, parts: Parts) -> None:
    """A city in which something is to be seen on each page; release 2 is under way."""
    models_world.under_way(session, parts)
    review_world.many(session, parts.storage, 6)
    review_world.gold(session, parts.storage, "metal", 9, place="Quận 1", note="by the door")
    guidance.load_example(session)
    someone = staff_world.person(session, "someone else", Role.REVIEWER)
    tiny = recipe.load("tiny")
    configurations.save(session, someone, "small", "tiny", tiny.with_changes(batch_size=5))


def fill_city(parts: Parts) -> None:
    with transaction(parts.engine) as session:
        fill(session, parts)


def _read(visitor: Visit, path: str) -> Page:
    found = visitor.page.evaluate(READ)
    forms = tuple(Form(visitor.address + path, **{**each, "fields": tuple(each["fields"])}) for each in found["forms"])
    return Page(path, tuple(found["links"]), tuple(found["asked"]), forms)


def _inside(visitor: Visit, page: str, link: str) -> str | None:
    """Return the path of a link within the console; those within the page and to elsewhere are left."""
    parts = urlsplit(urljoin(visitor.address + page, link))
    if f"{parts.scheme}://{parts.netloc}" != visitor.address or not parts.path.startswith("/console"):
        return None
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return None if path == page else path


@cache
def _patterns(method: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Those without a placeholder first, as FastAPI has them."""
    paths = sorted((path for verb, path in ROUTES if verb == method), key=lambda path: (path.count("{"), path))
    return tuple((path, re.compile(_pattern(path))) for path in paths)


def _pattern(path: str) -> str:
    parts = re.split(r"(\{\w+(?::path)?\})", path)
    return "".join(
        (".+" if each.endswith(":path}") else "[^/]+") if each[:1] == "{" else re.escape(each) for each in parts
    )
