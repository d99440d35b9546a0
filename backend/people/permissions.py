"""What each role may do: the one table of it.

Guarantees: nothing here knows people, sessions or routes. A role may do what stands beside it and nothing else; an
administrator may do everything, also what a later version adds.
"""

from collections.abc import Mapping
from enum import StrEnum

from backend.tables import Role


class Permission(StrEnum):
    REVIEW = "review"  # look at photos that wait, and say what they are
    SEE_DATA = "see_data"  # search photos, look at maps and counts
    CHANGE_DATA = "change_data"  # redact, hide, block a device, export
    GUIDE = "guide"  # bins and rules
    MODELS = "models"  # data sets, runs, releases, rollouts
    STAFF = "staff"  # people, their roles and areas
    AUDIT = "audit"  # read and export the permanent history


PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.REVIEWER: frozenset({Permission.REVIEW, Permission.SEE_DATA}),
    Role.ENGINEER: frozenset(
        {Permission.REVIEW, Permission.SEE_DATA, Permission.CHANGE_DATA, Permission.MODELS},
    ),
    Role.GUIDE_EDITOR: frozenset({Permission.GUIDE}),
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.AUDITOR: frozenset({Permission.AUDIT}),
}


def may(role: Role, permission: Permission) -> bool:
    return permission in PERMISSIONS[role]
