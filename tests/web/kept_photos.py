"""A phone whose owner has used the app for a while: photos in every state, put where the app keeps them.

The screens are looked at in many languages and sizes; each look would otherwise wait for reviewers and models.
"""

from typing import Any

from playwright.sync_api import Page

_PUT = """async ({ settings, rows }) => {
  const opened = await new Promise((resolve, reject) => {
    const asked = indexedDB.open("wastelens");
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  const drawings = await Promise.all(rows.map((_, place) => {
    const canvas = new OffscreenCanvas(320, 240);
    const pen = canvas.getContext("2d");
    pen.fillStyle = `hsl(${place * 47} 25% 82%)`;
    pen.fillRect(0, 0, 320, 240);
    pen.fillStyle = `hsl(${place * 47} 55% 45%)`;
    pen.beginPath();
    pen.roundRect(110, 40, 100, 170, 20);
    pen.fill();
    return canvas.convertToBlob({ type: "image/jpeg" });
  }));
  const writing = opened.transaction(["documents", "photos", "pictures"], "readwrite");
  writing.objectStore("documents").put(settings, "settings");
  rows.forEach((row, place) => {
    const isHere = row.state !== "withdrawn";
    const isSent = row.state === "sent" || !isHere;
    const [photo, thumbnail] = [isSent ? null : drawings[place], isHere ? drawings[place] : null];
    writing.objectStore("photos").put(row);
    writing.objectStore("pictures").put({ photo, thumbnail, version: row.id }, row.id);
  });
  await new Promise((resolve, reject) => {
    writing.oncomplete = resolve;
    writing.onerror = () => reject(writing.error);
  });
  opened.close();
}"""
_NEWEST = 1_795_000_000_000
_DAY = 86_400_000
_NOTHING_WAITS = {"submission": False, "correction": False, "consent": False, "withdrawal": False}
_PLASTIC = {"label": "plastic", "reason": "wrong_material"}


def _fate(
    state: str = "inspected", gold: str | None = None, releases: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    return {
        "state": state,
        "receivedAt": "2026-11-20T10:00:00Z",
        "goldLabel": gold,
        "quarantineReason": None,
        "inReleases": list(releases),
        "isAccepted": None,
        **more,
    }


STATES: dict[str, dict[str, Any]] = {
    "only_here": {"state": "only_here"},
    "waiting": {"state": "waiting", "correction": _PLASTIC, "waiting": {**_NOTHING_WAITS, "submission": True}},
    "learned": {"state": "sent", "correction": _PLASTIC, "fate": _fate(gold="plastic", releases=(7,), isAccepted=True)},
    "accepted": {"state": "sent", "isConfirmed": True, "fate": _fate(gold="glass", isAccepted=True), "seenAt": _NEWEST},
    "arrived": {"state": "sent", "fate": _fate("received")},
    "in_review": {"state": "sent", "correction": _PLASTIC, "fate": _fate()},
    "decided_otherwise": {"state": "sent", "correction": _PLASTIC, "fate": _fate(gold="metal", isAccepted=False)},
    "set_aside": {"state": "sent", "fate": _fate("quarantined")},
    "refused": {
        "state": "refused",
        "problem": {"of": "submission", "status": 413, "code": "too_large", "detail": "it is too large"},
    },
    "withdrawn": {"state": "withdrawn"},
    "unsure": {"state": "only_here", "answer": {"label": "unsure", "bestLabel": "glass"}},
}
"""Name to how a photo differs from one that was taken and answered with "glass"."""


def identity(name: str) -> str:
    """The id of the photo in this state."""
    return f"{list(STATES).index(name):08d}-0000-4000-8000-000000000000"


def keep(page: Page) -> None:
    """Put one photo of each state on the phone, and a resident who has read the welcome and helps. Then load anew."""
    settings = {"isWelcomed": True, "sends": True, "allowsReview": True, "allowsTraining": True}
    page.evaluate(_PUT, {"settings": settings, "rows": [_row(name) for name in STATES]})


def _row(name: str) -> dict[str, Any]:
    scores = {"cardboard": 0.02, "glass": 0.87, "metal": 0.05, "paper": 0.02, "plastic": 0.03, "trash": 0.01}
    answer = {"label": "glass", "group": None, "bestLabel": "glass", "scores": scores, "release": 1}
    row = {
        "id": identity(name),
        "takenAt": _NEWEST - list(STATES).index(name) * _DAY,
        "keptAt": _NEWEST - list(STATES).index(name) * _DAY,
        "correction": None,
        "isConfirmed": False,
        "note": None,
        "choice": {
            "sends": True,
            "allowsReview": True,
            "allowsTraining": True,
            "precision": "district",
            "location": {"latitude": 52.52, "longitude": 13.4},
            "place": None,
        },
        "problem": None,
        "fate": None,
        "seenAt": None,
        "waiting": _NOTHING_WAITS,
        "tried": None,
        **STATES[name],
    }
    return {**row, "answer": {**answer, "milliseconds": 412, "novelty": 0.4, **STATES[name].get("answer", {})}}
