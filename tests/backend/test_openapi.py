"""web/openapi.json, from which the residents' app has its types."""

import json
import re
from pathlib import Path

from backend import openapi

COMMITTED = Path(__file__).parents[2] / "web" / "openapi.json"


def test_the_residents_app_knows_the_interface_as_it_is() -> None:
    assert COMMITTED.read_text() == openapi.text(), "run `python -m backend.openapi > web/openapi.json`"


def test_it_describes_what_phones_ask_and_nothing_else() -> None:
    described = openapi.for_phones()
    assert "/v1/submissions/{photo_id}" in described["paths"]
    assert not [path for path in described["paths"] if path.startswith(("/v1/staff", "/v1/review", "/updates"))]
    schemas = described["components"]["schemas"]
    named = json.dumps(described)
    assert schemas
    assert all(f'"#/components/schemas/{name}"' in named for name in schemas)


def test_every_reference_leads_to_a_schema() -> None:
    described = openapi.for_phones()
    named = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(described)))
    assert named == {f"#/components/schemas/{name}" for name in described["components"]["schemas"]} & named
    assert "#/components/schemas/PhonePrediction" in named


def test_operations_have_names_that_people_would_give_them() -> None:
    operations = [each for path in openapi.for_phones()["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert "submissions_submit" in names
    assert len(set(names)) == len(names)
