"""The page of a run: one HTML file that needs no network, for phones and screens, light and dark.

Guarantees: every figure is one that the run counted (`phone.fleet.diary`), and each chart has its numbers in a table;
text is escaped.
"""

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from cli.fleet.play import Played
from mobile_models.field_report import Arm
from phone.fleet.diary import CityDay
from phone.fleet.scenarios import Scenario
from training.reporting.charts import Axis, Chart, Line, Mark

_MOVING_DAYS = 3
_EXTRA_STYLE = """
.chart .line.three { stroke: var(--three); stroke-dasharray: 2 4; } .chart .dot.three { fill: var(--three); }
.key li.three::before { border-top: 3px dotted var(--three); }
.verdict { border-left: 4px solid var(--good); background: var(--card); padding: 14px 18px; }
.verdict.ill { border-color: var(--bad); }
"""
_ASIDE = frozenset({Arm.CURRENT, Arm.BUNDLED})


def write(played: Sequence[Played]) -> str:
    """Return the page of one or several runs."""
    title = "A simulated city and its releases"
    style = resources.files("training.reporting").joinpath("templates/style.css").read_text() + _EXTRA_STYLE
    links = "".join(f'<a href="#{each.wanted.scenario}">{escape(each.wanted.scenario)}</a>' for each in played)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<header class="top"><h1>{title}</h1>\n<p class="quiet">{_what(played[0])}</p>\n'
        f'<nav aria-label="Scenarios">{links}</nav></header>\n'
        f"<main>{''.join(map(_section, played))}</main>\n"
        "<footer>Wastelens. Real: every request, signature, digest, cohort and judgement. Simulated: the calendar, the "
        "residents, faults of the networks, wrong clocks, and what loading a model does on a light phone.</footer>\n"
        "</body>\n</html>\n"
    )


def _what(played: Played) -> str:
    wanted = played.wanted
    return (
        f"{wanted.phones:,} light phones and {wanted.full_phones} full ones lived {wanted.days} days with a real "
        "server. Everything on this page is in this one file."
    )


def _section(played: Played) -> str:
    outcome = played.outcome
    kind = "verdict" if outcome.is_well else "verdict ill"
    return "\n".join(
        (
            f'<section id="{played.wanted.scenario}"><h2>Scenario: {escape(played.wanted.scenario)}</h2>',
            f'<p class="{kind}">{escape(outcome.words())}</p>',
            _tiles(played),
            '<div class="pair">',
            _figure(_adoption(played), "Share of all phones that run each release at the end of each day.", played),
            _figure(_corrections(played), f"Answers that residents corrected, mean of {_MOVING_DAYS} days.", None),
            "</div>",
            _refusals(played),
            _bytes(played),
            _log(played),
            "</section>",
        )
    )


def _tiles(played: Played) -> str:
    outcome = played.outcome
    stopped = "never" if outcome.stopped_on_day is None else f"day {outcome.stopped_on_day}"
    tiles = (
        (f"{outcome.ever_ran:,}", "phones ever ran the candidate"),
        (f"{outcome.would_have_run:,}", "would have, had nobody looked"),
        (stopped, "stopped by the city itself"),
        (f"{len(outcome.breaches)} of {outcome.tricked_phones}", "phones harmed by malicious mirrors"),
    )
    shown = tiles[3:] if played.wanted.scenario is Scenario.FOLLOW else tiles
    items = "".join(f"<li><b>{escape(value)}</b><span>{escape(name)}</span></li>" for value, name in shown)
    return f'<ul class="tiles">{items}</ul>'


def _figure(chart: Chart, caption: str, played: Played | None) -> str:
    kinds = {"one": "", "two": "two", "three": "three"}
    key = "".join(f'<li class="{kinds[line.kind]}">{escape(line.name)}</li>' for line in chart.lines)
    steps = "" if played is None else '<li class="stage">a step of the rollout</li>'
    return (
        f'<figure class="chart-box"><h3>{escape(chart.title)}</h3><ul class="key">{key}{steps}</ul>{chart.svg()}'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _adoption(played: Played) -> Chart:
    days, phones = played.diary.days, played.outcome.phones
    versions = ((played.bundled_version, "one"), (played.outcome.candidate, "two"))
    lines = [
        Line(f"release {version}", [(day.number, 100 * day.running[version] / phones) for day in days], kind)
        for version, kind in versions
    ]
    return Chart(
        title="Adoption",
        description="percent of the phones on each release, day by day",
        across=_days(days),
        up=Axis("percent of the phones", 0, 100, digits=0),
        lines=lines,
        marks=[Mark(day.number, name) for day, name in _steps(days)],
    )


def _days(days: Sequence[CityDay]) -> Axis:
    """Five whole steps, so that each tick is a day."""
    return Axis("day", 0, max(5, -(-(len(days) - 1) // 5) * 5), digits=0)


def _steps(days: Sequence[CityDay]) -> Iterable[tuple[CityDay, str]]:
    """Return the days on which the rollout changed, with a word for it."""
    before = None
    for day in days:
        now = None if day.rollout is None else (day.rollout.state, day.rollout.percent)
        if now is not None and now != before:
            yield day, f"{now[1]:g} %" if now[0] == "running" else now[0]
        before = now


def _corrections(played: Played) -> Chart:
    days = played.diary.days
    lines = [
        Line(name, _moving(days, arms), kind)
        for name, arms, kind in (
            ("with the candidate", frozenset({Arm.CANDIDATE}), "two"),
            ("on the other side, same days", _ASIDE, "one"),
        )
    ]
    top = max((rate for line in lines for _, rate in line.points), default=0.0)
    return Chart(
        title="Correction rate",
        description="percent of the answers that residents corrected, by side of the rollout",
        across=_days(days),
        up=Axis("percent of the answers", 0, max(5.0, -(-top // 5) * 5), digits=0),
        lines=[line for line in lines if line.points],
    )


def _moving(days: Sequence[CityDay], arms: frozenset[Arm]) -> list[tuple[float, float]]:
    points = []
    for place, day in enumerate(days):
        few = days[max(0, place - _MOVING_DAYS + 1) : place + 1]
        answers = sum(each.answers[arm] for each in few for arm in arms)
        if answers and any(day.answers[arm] for arm in arms):
            points.append((float(day.number), 100 * sum(each.corrected[arm] for each in few for arm in arms) / answers))
    return points


def _refusals(played: Played) -> str:
    """Refused visits: a phone that cannot run a release refuses it at each of them."""
    refused = played.diary.refused
    rows = [(reason.replace("_", " "), f"{number:,}") for reason, number in refused.most_common()]
    return _table("Visits that ended in a refusal, by reason", ("reason", "visits"), rows or [("none", "0")])


def _bytes(played: Played) -> str:
    days = played.diary.days
    whole, patches, unpatched, rest = (
        sum(getattr(day, name) for day in days)
        for name in ("whole_bytes", "patch_bytes", "unpatched_bytes", "metadata_bytes")
    )
    rows = [
        ("models downloaded", f"{sum(day.downloads for day in days):,}"),
        ("as whole files", _amount(whole)),
        ("as patches", _amount(patches)),
        ("the same without patches", _amount(unpatched)),
        ("metadata and all else", _amount(rest)),
        ("requests", f"{sum(day.requests for day in days):,}"),
        ("of these lost by a network", f"{sum(day.lost for day in days):,}"),
        ("downloads cut by a network", f"{sum(day.cut for day in days):,}"),
        ("downloads put off until the network costs nothing", f"{sum(day.postponed for day in days):,}"),
        ("checks for updates", f"{played.looks:,}"),
        ("checks whose bytes had never been verified before", f"{played.verified:,}"),
        ("field reports taken", f"{sum(day.reports for day in days):,}"),
        ("field reports refused (of days that cannot be)", f"{sum(day.reports_refused for day in days):,}"),
    ]
    return _table("What light phones moved", ("what", "how much"), rows)


def _log(played: Played) -> str:
    candidate = played.outcome.candidate
    rows = [
        (
            str(day.number),
            "" if day.rollout is None else f"{day.rollout.state}, {day.rollout.percent:g} %",
            f"{day.running[candidate]:,}",
            f"{day.online:,}",
            _percent(day, frozenset({Arm.CANDIDATE})),
            _percent(day, _ASIDE),
            "" if day.rollout is None else day.rollout.reason,
        )
        for day in played.diary.days
    ]
    heads = ("day", "rollout", "phones on the candidate", "online", "corrected with it", "others", "why")
    return f"<details><summary>Day by day</summary>{_table('Every day', heads, rows, words={6})}</details>"


def _percent(day: CityDay, arms: frozenset[Arm]) -> str:
    answers = sum(day.answers[arm] for arm in arms)
    return f"{100 * sum(day.corrected[arm] for arm in arms) / answers:.1f} %" if answers else "–"


def _table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], words: frozenset[int] | set[int] = frozenset()
) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(
            f'<td class="words">{escape(cell)}</td>' if place in words else f"<td>{escape(cell)}</td>"
            for place, cell in enumerate(row[1:], 1)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _amount(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"
