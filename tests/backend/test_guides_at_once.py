"""Several people edit one guide at the same moment, on both kinds of database."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from backend.database import transaction
from backend.errors import Conflict
from backend.guides import guidance
from backend.guides.guide_changes import Change, Part, pieces
from backend.people.staff import Person
from backend.tables import Role
from mobile_models.guide import Bin, Symbol
from tests.backend import staff_world

CITY = "example"


def white(number: int) -> Bin:
    return Bin(id=f"white_{number}", colour="#ffffff", symbol=Symbol.BOTTLE, names={"en": f"White bin {number}"})


def at_once(engine: Engine, bins: list[Bin]) -> list[int | None]:
    """Let each of as many people put one bin into the first version; return the numbers of their versions."""
    with transaction(engine) as session:
        guidance.load_example(session)
        people = [staff_world.person(session, f"editor {number}", Role.GUIDE_EDITOR) for number in range(len(bins))]
    together = threading.Barrier(len(bins))

    def edit(person: Person, piece: Bin) -> int | None:
        together.wait()
        try:
            with transaction(engine) as session:
                wanted = Change(Part.BINS, piece.id, piece)
                return guidance.change(session, person, CITY, wanted, based_on=1, reason="").number
        except Conflict:
            return None

    with ThreadPoolExecutor(len(bins)) as pool:
        return list(pool.map(edit, people, bins))


def test_edits_of_different_pieces_come_one_after_another_and_add_up(engine: Engine) -> None:
    bins = [white(number) for number in range(3)]
    assert sorted(map(str, at_once(engine, bins))) == ["2", "3", "4"]
    with transaction(engine) as session:
        found = pieces(guidance.guide_of(guidance.newest(session, CITY)), Part.BINS)
    assert {each.id for each in bins} <= set(found)


def test_of_edits_of_one_piece_the_first_counts_and_the_others_are_told(engine: Engine) -> None:
    same = [white(1).model_copy(update={"names": {"en": f"Bin of {number}"}}) for number in range(3)]
    assert sorted(map(str, at_once(engine, same))) == ["2", "None", "None"]
