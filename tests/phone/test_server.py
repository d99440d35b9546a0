"""The server as a phone sees it: what answers in its place is never believed."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

import httpx
import pytest

from mobile_models.field_report import Arm, FieldReport, ReleaseUse
from phone.server import Server, ServerUnreachable
from phone.submission import Consent, Correction, Submission, SubmissionId

ONE = SubmissionId("5f0c6d57-7b0c-4d8e-9a5b-0d3f6a1c2e47")
REPORT = FieldReport(
    report_id=UUID(ONE),
    day=date(2026, 6, 1),
    phone_model="Fairphone 5",
    app_version="1.2",
    runtime_version="2.3",
    releases=(ReleaseUse(version=1, arm=Arm.BUNDLED),),
)
CALLS: dict[str, Callable[[Server], object]] = {
    "register": Server.register,
    "submit": lambda server: server.submit(ONE, b"photo", Submission()),
    "correct": lambda server: server.correct(ONE, Correction(label="metal")),
    "change_consent": lambda server: server.change_consent(ONE, Consent(allow_review=True, allow_training=False)),
    "status": lambda server: server.status(ONE),
    "withdraw": lambda server: server.withdraw(ONE),
    "report": lambda server: server.report(REPORT),
}


@pytest.mark.parametrize("status", [200, 302, 403, 404, 511])
@pytest.mark.parametrize("call", CALLS)
def test_a_captive_portal_is_not_taken_for_the_server(call: str, status: int) -> None:
    """Else a photo would be given up, or a withdrawal forgotten, for a page that asks to pay for the Wi-Fi."""
    portal = httpx.MockTransport(lambda _: httpx.Response(status, html="<h1>Welcome to the café</h1>"))
    with httpx.Client(base_url="http://wastelens.test", transport=portal) as http, pytest.raises(ServerUnreachable):
        CALLS[call](Server(http, "token"))
