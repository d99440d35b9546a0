"""`/console/data/map`: where photos come from and how many over time.

Guarantees: all of it is told in figures, too, as lists; the map needs neither tiles nor a network nor script. What is
drawn are counts of squares and places, never the position of one photo. Without dates it is of the last 90 days,
and never of more than a year.
"""

import json
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from backend.api.dependencies import PartsOfServer, transaction_of
from backend.console import charts, days, pages, safety
from backend.console.charts import Chart, Colour, Point, Series
from backend.console.data import map_drawing
from backend.console.data.filters import Asked, AskedFor, Choices
from backend.console.data.photos import DATA
from backend.console.language import Language
from backend.console.visitor import DataReader
from backend.searching import photo_counts
from backend.searching.photo_counts import Cell, OverTime, PlaceCount
from backend.settings import Settings

router = APIRouter(include_in_schema=False)
MAP = f"{DATA}/map"
_DAYS, _MOST_DAYS = 90, 365
_COLOURS: tuple[Colour, ...] = ("one", "two", "three")
_StepAsked = Annotated[Literal["day", "week"], Query()]
_HeatAsked = Annotated[Literal["photos", "corrected"], Query()]


@router.get(MAP)
def page(
    visitor: DataReader, parts: PartsOfServer, asked: AskedFor, step: _StepAsked = "week", heat: _HeatAsked = "photos"
) -> Response:
    _limit(asked, visitor.language)
    wanted = asked.search(visitor)
    with transaction_of(parts) as session:
        places = photo_counts.by_place(session, visitor.person, wanted)
        cells = photo_counts.by_cell(session, visitor.person, wanted)
        over_time = photo_counts.over_time(session, visitor.person, wanted, step)
        choices = Choices(session, visitor)
    return pages.render(
        "data/photo_map.html",
        visitor,
        parts.settings,
        asked=asked,
        choices=choices,
        places=places,
        photos=sum(each.photos for each in places),
        drawing=map_drawing.draw(cells),
        curves=_curves(over_time, visitor.language, choices.label_names),
        step=step,
        today=days.today(visitor.language),
        heat=heat,
        has_districts=parts.settings.districts_file is not None,
        source=f"{MAP}.json?{urlencode(asked.query)}",
    )


@router.get(f"{MAP}.json")
def data(visitor: DataReader, parts: PartsOfServer, asked: AskedFor) -> Response:
    """What the map draws: GeoJSON (RFC 7946) of squares and of places, and where tiles are, if anywhere."""
    _limit(asked, visitor.language)
    wanted = asked.search(visitor)
    with transaction_of(parts) as session:
        places = photo_counts.by_place(session, visitor.person, wanted)
        cells = photo_counts.by_cell(session, visitor.person, wanted)
    settings = parts.settings
    content = {
        "cells": _collection([_point(cell) for cell in cells]),
        "districts": _districts(settings, places),
        "tiles": settings.map_tiles,
        "attribution": settings.map_attribution,
    }
    return JSONResponse(content, headers=safety.headers())


def _limit(asked: Asked, language: Language) -> None:
    """Without a first day it is of the last 90, and never of more than a year; the form shows which."""
    until = asked.until or days.today(language)
    asked.since = max(asked.since or until - timedelta(days=_DAYS), until - timedelta(days=_MOST_DAYS))


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}


def _point(cell: Cell) -> dict[str, Any]:
    said = {"photos": cell.photos, "corrected": cell.corrected}
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [cell.longitude, cell.latitude]},
        "properties": said,
    }


def _districts(settings: Settings, places: list[PlaceCount]) -> dict[str, Any]:
    """The shapes of the city's file, with the counts of the places that have the same name."""
    if settings.districts_file is None:
        return _collection([])
    counts = {each.place: each for each in places}
    features = []
    for shape in _shapes(settings.districts_file):
        name = str(shape["properties"].get("name", ""))
        found = counts.get(name)
        photos, corrected = (found.photos, found.corrected) if found else (0, 0)
        features.append({**shape, "properties": {"name": name, "photos": photos, "corrected": corrected}})
    return _collection(features)


@lru_cache(maxsize=1)
def _shapes(file: Path) -> list[dict[str, Any]]:
    shapes: list[dict[str, Any]] = json.loads(file.read_text())["features"]
    return shapes


def _curves(found: OverTime, language: Language, names: dict[str, str]) -> Chart:
    """The three most frequent labels, and all others together."""
    gettext = language.texts.gettext

    def name(label: str | None) -> str:
        return gettext("no opinion yet") if label is None else names.get(label, label)

    listed = list(found.photos.items())
    drawn = [(name(label), numbers, colour) for (label, numbers), colour in zip(listed, _COLOURS, strict=False)]
    if rest := [numbers for _, numbers in listed[len(_COLOURS) :]]:
        drawn.append((gettext("all others"), tuple(map(sum, zip(*rest, strict=True))), "four"))
    series = [Series(text, _points(found.steps, numbers), colour) for text, numbers, colour in drawn]
    return charts.lines(
        gettext("Photos by label"),
        series,
        x_text=lambda day: language.date(date.fromordinal(int(day))),
        y_text=lambda value: language.number(round(value, 1)),
        least=0,
    )


def _points(steps: tuple[date, ...], numbers: tuple[int, ...]) -> list[Point]:
    return [Point(day.toordinal(), number) for day, number in zip(steps, numbers, strict=True)]
