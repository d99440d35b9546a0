import re

import httpx
import pytest


@pytest.fixture
def migrated_database_url(migrated_sqlite_url: str) -> str:
    """The docs do not depend on the database."""
    return migrated_sqlite_url


def test_the_docs_need_no_other_server(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert assets
    assert all(asset.startswith("/") for asset in assets)
    assert all(client.get(asset).status_code == 200 for asset in assets)


def test_the_docs_let_people_send_their_token(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    (scheme,) = described["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    open_to_all = {
        path
        for path, methods in described["paths"].items()
        for operation in methods.values()
        if "security" not in operation
    }
    guides = {"/v1/guides", "/v1/guides/{city}"}  # Reading them; changing them is not.
    files = {"/updates/{path}", "/app/installation.json"}
    assert open_to_all == guides | files | {"/v1/devices", "/v1/staff/sign-in", "/healthz", "/readyz"}
