"""The gate's verdict in plain words: "better at plastic by 5 of 82, worse at metal by 2 of 82".

Guarantees: the words are made from figures (`verdict_figures`), in the language of the reader; what blocked a
model comes first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from backend.console import label_names
from backend.console.language import Language
from backend.console.pages import _
from backend.runs.verdict_figures import Change, Loss, MissedFloor, VerdictFigures
from mobile_models.evaluation import Blessing, EvaluationReport

Tone = Literal["good", "bad", "plain"]

_LOST: Mapping[str, str] = {
    "overall": _("Over all labels it is wrong more often than before, and chance does not explain it (p = %(p)s)."),
    "recall": _("%(label)s is found less often than before, and chance does not explain it (p = %(p)s)."),
    "precision": _("More things are wrongly called %(label)s than before, and chance does not explain it (p = %(p)s)."),
}
_MISSED: Mapping[str, str] = {
    "photos": _("%(label)s was measured on %(found)s of the %(needed)s photos that are needed at least."),
    "recall": _("It finds %(found)s of what is %(label)s; at least %(needed)s is asked for."),
    "precision": _("When it says %(label)s, it is right in %(found)s; at least %(needed)s is asked for."),
}


@dataclass(frozen=True)
class Sentence:
    text: str
    tone: Tone = "plain"
    note: str = ""


@dataclass(frozen=True)
class Speaker:
    """Says one verdict in one language."""

    language: Language
    report: EvaluationReport

    def label(self, label_id: str) -> str:
        return label_names.of(self.language, self.report.label_set).get(label_id, label_id)

    def text(self, text: str, **values: str) -> str:
        return str(self.language.texts.gettext(text)) % values

    def missed(self, floor: MissedFloor) -> Sentence:
        write = self.language.number if floor.floor == "photos" else self.language.percent
        shown = {"label": self.label(floor.label), "found": write(floor.found), "needed": write(floor.needed)}
        return Sentence(self.text(_MISSED[floor.floor], **shown), "bad")

    def loss(self, loss: Loss) -> Sentence:
        p_value = self.language.number(float(f"{loss.p_value:.2g}"))
        label = "" if loss.of == "overall" else self.label(loss.label)
        return Sentence(self.text(_LOST[loss.of], label=label, p=p_value), "bad")

    def change(self, change: Change) -> Sentence:
        texts = self.language.texts
        text = texts.gettext("Better at %(label)s by %(count)s of %(photos)s.")
        if change.net < 0:
            text = texts.gettext("Worse at %(label)s by %(count)s of %(photos)s.")
        number = self.language.number
        shown = {"count": number(abs(change.net)), "photos": number(change.photos)}
        note = texts.gettext("%(won)s won, %(lost)s lost") % {"won": number(change.won), "lost": number(change.lost)}
        return Sentence(text % (shown | {"label": self.label(change.label)}), "good" if change.net > 0 else "bad", note)


def sentences(
    language: Language, blessing: Blessing, report: EvaluationReport | None, figures: VerdictFigures | None
) -> list[Sentence]:
    """Return why the gate decided so, and how the model differs from the one before."""
    if report is None or figures is None:
        return [Sentence(language.texts.gettext("There is no evaluation of this model."), "bad")]
    speaker = Speaker(language, report)
    return [*_blocking(speaker, blessing, figures), *_overall(speaker, blessing, figures), *_changes(speaker, figures)]


def _blocking(speaker: Speaker, blessing: Blessing, figures: VerdictFigures) -> Iterator[Sentence]:
    gettext = speaker.language.texts.gettext
    if not figures.comparable:
        yield Sentence(gettext("The model on the phones was measured on other photos; measure it on these."), "bad")
    elif blessing.champion is None and not blessing.rubber_stamped and figures.overall is None:
        yield Sentence(gettext("There is no evaluation of the model on the phones on these photos."), "bad")
    yield from map(speaker.loss, figures.losses)
    yield from map(speaker.missed, figures.floors)
    if figures.float_operators:
        text = _("It computes in float (%(names)s); phones are given int8 models only.")
        yield Sentence(speaker.text(text, names=", ".join(figures.float_operators)), "bad")


def _overall(speaker: Speaker, blessing: Blessing, figures: VerdictFigures) -> Iterator[Sentence]:
    report, percent, number = speaker.report, speaker.language.percent, speaker.language.number
    shown = {"now": percent(report.accuracy), "photos": number(len(report.answers))}
    if figures.overall is None:
        text = _("It is right in %(now)s of %(photos)s photos that it had never seen.")
        yield Sentence(speaker.text(text, **shown))
    else:
        before = percent(figures.overall.right_before / max(1, figures.overall.photos))
        text = _("It is right in %(now)s of %(photos)s photos that it had never seen; the model before in %(before)s.")
        yield Sentence(speaker.text(text, before=before, **shown), "good" if figures.overall.net >= 0 else "bad")
    if blessing.rubber_stamped:
        text = _("There was no model to beat: it reached all floors, and no more is known. A person has to decide.")
        yield Sentence(speaker.text(text))


def _changes(speaker: Speaker, figures: VerdictFigures) -> Iterator[Sentence]:
    moved = [change for change in figures.changes if change.net]
    yield from (speaker.change(each) for each in sorted(moved, key=lambda change: change.net))
    same = [speaker.label(change.label) for change in figures.changes if change.net == 0]
    if same:
        yield Sentence(speaker.text(_("As good as before at: %(labels)s."), labels=", ".join(same)))
