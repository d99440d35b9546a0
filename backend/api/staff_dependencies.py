"""Who of the staff asks, and whether that person may."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends

from backend.api.dependencies import BearerToken, PartsOfServer
from backend.database import transaction
from backend.people import staff, staff_sessions
from backend.people.permissions import Permission
from backend.people.staff import Person


def recognised(given: PartsOfServer, token: BearerToken) -> Person:
    """The person who asks, recognised in a short transaction of its own."""
    with transaction(given.engine) as opened:
        return staff_sessions.authenticate(opened, given.settings, token)


AnyStaff = Annotated[Person, Depends(recognised)]


def permitted(permission: Permission) -> Callable[[AnyStaff], Person]:
    """A dependency: the person who asks, who has this permission."""

    def dependency(person: AnyStaff) -> Person:
        staff.require(person, permission)
        return person

    return dependency


Reviewer = Annotated[Person, Depends(permitted(Permission.REVIEW))]
DataReader = Annotated[Person, Depends(permitted(Permission.SEE_DATA))]
DataKeeper = Annotated[Person, Depends(permitted(Permission.CHANGE_DATA))]
GuideEditor = Annotated[Person, Depends(permitted(Permission.GUIDE))]
Engineer = Annotated[Person, Depends(permitted(Permission.MODELS))]
Administrator = Annotated[Person, Depends(permitted(Permission.STAFF))]
Auditor = Annotated[Person, Depends(permitted(Permission.AUDIT))]
