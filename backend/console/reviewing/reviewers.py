"""`/console/review/reliability`: how far one may rely on whose answers.

Guarantees: residents are shown by the random number of their phone, of which a few characters are told.
"""

from fastapi import APIRouter, Response

from backend import known_labels
from backend.api.dependencies import PartsOfServer, transaction_of
from backend.console import label_names, pages
from backend.console.reviewing.queue import REVIEW
from backend.console.visitor import Administrator
from backend.people import staff
from backend.reviewing import reliability

router = APIRouter(include_in_schema=False)
_MOST = 30


@router.get(f"{REVIEW}/reliability")
def everybody(visitor: Administrator, parts: PartsOfServer) -> Response:
    with transaction_of(parts) as session:
        names = {staff.known(row.id): row.name for row in staff.everybody(session)}
        reviewers = reliability.of_reviewers(session)
        residents = reliability.of_residents(session, _MOST)
        labels = label_names.of(visitor.language, known_labels.label_set(session))
    return pages.render(
        "reviewing/reviewers.html",
        visitor,
        parts.settings,
        reviewers=[
            (names.get(staff_id, "–"), label, each)
            for staff_id, found in reviewers.items()
            for label, each in found.items()
        ],
        residents=[(device[:8], label, each) for device, label, each in residents],
        names=labels,
        floor=parts.settings.reliability_floor,
    )
