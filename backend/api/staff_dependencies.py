"""Who of the staff asks, and whether that person may."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends

from backend import staff
from backend.api.dependencies import BearerToken, PartsOfServer
from backend.database import transaction
from backend.staff import Person
from backend.tables import Role


def signed_in(role: Role) -> Callable[[PartsOfServer, BearerToken], Person]:
    """A dependency: the person who asks, who has at least `role`. Recognised in a short transaction of its own."""

    def dependency(given: PartsOfServer, token: BearerToken) -> Person:
        with transaction(given.engine) as opened:
            person = staff.authenticate(opened, token)
        staff.require(person, role)
        return person

    return dependency


Reviewer = Annotated[Person, Depends(signed_in(Role.REVIEWER))]
Engineer = Annotated[Person, Depends(signed_in(Role.ENGINEER))]
Administrator = Annotated[Person, Depends(signed_in(Role.ADMINISTRATOR))]
