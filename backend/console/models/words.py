"""Words for what happens to models: states, modes, sides, and what went wrong.

Guarantees: every state of the domain has a word; a reader of another language never meets a bare code.
"""

from collections.abc import Mapping
from typing import Any

from backend.console import refusals
from backend.console.language import Language
from backend.console.pages import _
from backend.errors import DomainError
from backend.tables import DatasetSnapshotState, ReleaseState, RolloutState, TrainingMode, TrainingRunState
from mobile_models.field_report import Arm

RUN_STATES: Mapping[TrainingRunState, tuple[str, str]] = {
    TrainingRunState.REQUESTED: (_("waits"), ""),
    TrainingRunState.RUNNING: (_("trains"), "warn"),
    TrainingRunState.BLESSED: (_("passed the gate"), "good"),
    TrainingRunState.BLOCKED: (_("blocked by the gate"), "bad"),
    TrainingRunState.FAILED: (_("failed"), "bad"),
    TrainingRunState.CANCELLED: (_("cancelled"), ""),
}
"""State to its word and its badge."""

RELEASE_STATES: Mapping[ReleaseState, tuple[str, str]] = {
    ReleaseState.PROPOSED: (_("proposed"), "warn"),
    ReleaseState.APPROVED: (_("approved"), "good"),
    ReleaseState.AWAITING_SIGNATURES: (_("waits for signatures"), "warn"),
    ReleaseState.PUBLISHED: (_("published"), "good"),
    ReleaseState.WITHDRAWN: (_("withdrawn for good"), "bad"),
}

ROLLOUT_STATES: Mapping[RolloutState, tuple[str, str]] = {
    RolloutState.RUNNING: (_("under way"), "good"),
    RolloutState.PAUSED: (_("paused"), "warn"),
    RolloutState.HALTED: (_("halted"), "bad"),
    RolloutState.COMPLETED: (_("everybody has it"), "good"),
    RolloutState.WITHDRAWN: (_("withdrawn for good"), "bad"),
}

SNAPSHOT_STATES: Mapping[DatasetSnapshotState, str] = {
    DatasetSnapshotState.REQUESTED: _("is being frozen"),
    DatasetSnapshotState.FROZEN: _("frozen"),
    DatasetSnapshotState.FAILED: _("could not be frozen"),
}

MODES: Mapping[TrainingMode, tuple[str, str]] = {
    TrainingMode.FROM_SCRATCH_ALL: (
        _("From scratch, on all photos"),
        _("The recipe's own weights, old and new photos."),
    ),
    TrainingMode.FINE_TUNE: (
        _("Fine-tune the model on the phones"),
        _("Its weights, the new photos, and a rehearsal of old ones so that it does not forget."),
    ),
    TrainingMode.FROM_SCRATCH: (
        _("From scratch, on new photos only"),
        _("The recipe's own weights, and only what the model on the phones has not seen."),
    ),
}
"""Mode to its name and what it means, the usual one first."""

TRIGGERS: Mapping[str, str] = {
    "hand": _("by hand"),
    "calendar": _("by the calendar"),
    "gold_labels": _("by enough new gold labels"),
}

ARMS: Mapping[str, str] = {
    Arm.CANDIDATE: _("has it"),
    Arm.AWAITED: _("waits for it"),
    Arm.CURRENT: _("everybody else"),
    Arm.BUNDLED: _("with the model of the app"),
    Arm.UNSEEN: _("on no side"),
}
"""Side of a rollout to its name."""

STAGES: Mapping[str, str] = {
    "load": _("reads the photos"),
    "head": _("trains the head"),
    "tail": _("trains the last layers"),
    "all": _("trains all layers"),
    "quantize": _("makes it int8"),
    "evaluate": _("measures the int8 model"),
    "gate": _("asks the gate"),
    "report": _("writes the report"),
}
"""Stage of a run to what it does; others have the names that recipes give them."""

REFUSALS: Mapping[str, str] = {
    "run_ended": _("This run is in a state in which that cannot be done."),
    "champion_changed": _("Another release is current since it began. Start a new run."),
    "no_champion": _("There is no release to start from. Choose a mode from scratch."),
    "snapshot_failed": _("This data set could not be frozen. Choose another one."),
    "bad_plan": _("This is no plan. Write shares and hours such as 5:24, 25:24, 100; each wider than the one before."),
    "wrong_state": _("It has changed meanwhile, so that this cannot be done now."),
    "blocked": _("The gate blocked this model: it can never be released."),
    "stale_evidence": _("It was compared with another release than the one that is current now. Train again."),
    "rollout_under_way": _("Another release is on its way on this channel. Complete, halt or withdraw that first."),
    "returned_to_bundled": _("This channel has returned to the bundled release. End that first."),
    "not_newer": _("What is current on this channel is as new or newer. Go back to a release instead."),
    "not_published": _("It is not published yet. Wait until it is."),
    "not_wider": _("It is as wide already. To offer it to fewer phones, halt it."),
    "bad_percent": _("A share is above 0 and at most 100 percent."),
    "bundled": _("Every phone carries this release, so it cannot be taken back. Release a better one."),
    "not_kept": _("This release is no longer kept. Go back to a newer one."),
    "not_older": _("This release is newer than what is current. Resume its rollout instead."),
    "never_current": _("This release was never given to everybody. Start a rollout of it."),
    "newest_already": _("This is the newest version already."),
    "bad_configuration": _("A configuration has a name of 1 to 60 characters."),
    "no_gold_labels": _("No photo that may be trained on has a gold label yet."),
}


def said(language: Language, error: DomainError) -> str:
    """Return what went wrong; weights and recipes are told as the domain says it, since it names the field."""
    text = REFUSALS.get(error.code)
    return language.texts.gettext(text) if text else refusals.said(language, error)


def tables() -> dict[str, Any]:
    """Return what templates look words up in."""
    return {
        "run_states": RUN_STATES,
        "release_states": RELEASE_STATES,
        "rollout_states": ROLLOUT_STATES,
        "snapshot_states": SNAPSHOT_STATES,
        "modes": MODES,
        "triggers": TRIGGERS,
        "arms": ARMS,
        "stages": STAGES,
    }
