"""Which pairs of releases get a patch: from what phones have to what they are given, and back."""

from backend.releasing.patches import MOST_USED, Pair, Ways, choose, pair_of

BUNDLED, OLDER, CURRENT, CANDIDATE = 1, 2, 3, 4
KNOWN = range(1, 20)


def ways(goals: set[int], returns: set[Pair] | None = None, starts: set[int] | None = None) -> Ways:
    return Ways(goals, returns or set(), starts or {BUNDLED})


def test_phones_of_every_release_in_use_get_a_small_way_to_the_candidate_and_back() -> None:
    chosen = choose(ways({CURRENT, CANDIDATE}), {OLDER: 0.05, CURRENT: 0.9}, KNOWN)
    assert chosen == {
        Pair(BUNDLED, CURRENT),
        Pair(BUNDLED, CANDIDATE),
        Pair(OLDER, CURRENT),
        Pair(OLDER, CANDIDATE),
        Pair(CURRENT, CANDIDATE),
        Pair(CANDIDATE, CURRENT),
    }


def test_nobody_reports_yet_and_current_and_bundled_get_their_patches_all_the_same() -> None:
    assert choose(ways({CURRENT, CANDIDATE}), {}, KNOWN) == {
        Pair(BUNDLED, CURRENT),
        Pair(BUNDLED, CANDIDATE),
        Pair(CURRENT, CANDIDATE),
        Pair(CANDIDATE, CURRENT),
    }


def test_a_release_that_hardly_anybody_has_gets_none() -> None:
    assert Pair(OLDER, CANDIDATE) not in choose(ways({CANDIDATE}), {OLDER: 0.009}, KNOWN)
    assert Pair(OLDER, CANDIDATE) in choose(ways({CANDIDATE}), {OLDER: 0.01}, KNOWN)


def test_of_many_releases_in_use_the_most_common_get_patches() -> None:
    in_use = {version: version / 100 for version in range(5, 15)}
    chosen = choose(ways({CANDIDATE}), in_use, KNOWN)
    assert chosen == {Pair(old, CANDIDATE) for old in (BUNDLED, *sorted(in_use)[-MOST_USED:])}


def test_after_a_rollout_the_way_back_stays_small() -> None:
    chosen = choose(ways({CURRENT}, {Pair(CURRENT, OLDER)}), {}, KNOWN)
    assert chosen == {Pair(BUNDLED, CURRENT), Pair(CURRENT, OLDER)}


def test_a_release_that_this_city_never_made_is_passed_over() -> None:
    assert choose(ways({CANDIDATE}), {77: 0.5}, KNOWN) == {Pair(BUNDLED, CANDIDATE)}
    assert choose(ways({CANDIDATE}), {}, {CANDIDATE}) == frozenset()


def test_a_pair_is_named_so_that_its_name_leads_back() -> None:
    assert pair_of(Pair(12, 3).subject) == Pair(12, 3)
    assert Pair(12, 3).key == "artefacts/patches/12-3.patch"
