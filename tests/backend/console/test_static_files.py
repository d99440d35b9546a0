"""Style, scripts and pictures of the pages, as browsers keep them."""

import re

import httpx
import pytest

from backend.console import static_files

FOR_EVER = "public, max-age=31536000, immutable"


def test_what_a_page_names_is_kept_for_ever(client: httpx.Client) -> None:
    page = client.get("/console/sign-in").text
    named = re.findall(r'(?:href|src)="(/console/static/[^"]+)"', page)
    assert len(named) > 3
    for address in named:
        answer = client.get(address)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, FOR_EVER), address


@pytest.mark.parametrize("query", ["", "?0123456789ab"])
def test_a_file_by_another_address_is_asked_for_anew_and_answered_briefly_while_it_is_the_same(
    client: httpx.Client, query: str
) -> None:
    path = f"{static_files.PREFIX}/console.css{query}"
    first = client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


def test_no_file_is_taken_for_something_else_or_used_by_another_site(client: httpx.Client) -> None:
    files = [each.relative_to(static_files.FOLDER) for each in static_files.FOLDER.rglob("*") if each.is_file()]
    for each in files:
        answer = client.get(f"{static_files.PREFIX}/{each.as_posix()}")
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        script = each.suffix in (".js", ".mjs")
        assert not script or answer.headers["content-type"].startswith("text/javascript"), each


@pytest.mark.parametrize("path", ["nothing.js", "../pages.py", "..%2fpages.py", "vendor"])
def test_nothing_else_is_given(client: httpx.Client, path: str) -> None:
    assert client.get(f"{static_files.PREFIX}/{path}").status_code == 404
