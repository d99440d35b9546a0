"""What residents do with the app, and what their phones have kept of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect

from tests import pictures

_READ = """async ([store, key]) => {
  const opened = await new Promise((resolve, reject) => {
    const asked = indexedDB.open("wastelens");
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  const source = opened.transaction(store).objectStore(store);
  const asked = key === null ? source.getAll() : source.get(key);
  const found = await new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result ?? null);
    asked.onerror = () => reject(asked.error);
  });
  opened.close();
  return found;
}"""
_WRITE = """async ([key, value]) => {
  const opened = await new Promise((resolve, reject) => {
    const asked = indexedDB.open("wastelens");
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  const writing = opened.transaction("documents", "readwrite");
  writing.objectStore("documents").put(value, key);
  await new Promise((resolve, reject) => {
    writing.oncomplete = resolve;
    writing.onerror = () => reject(writing.error);
  });
  opened.close();
}"""
_FILES = """async (folder) => {
  const place = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });
  const found = {};
  for await (const [name, handle] of place.entries()) found[name] = (await handle.getFile()).size;
  return found;
}"""


_PATIENCE = 900
"""So many tenths of a second; busy machines take their time."""


@dataclass(frozen=True)
class Said:
    """What the app answered to a photo."""

    label: str
    scores: dict[str, float]
    release: int
    novelty: float | None
    milliseconds: float


def welcome(page: Page, *, helps: bool = False) -> None:
    """Read the welcome and begin; nothing is to be sent, unless the resident `helps` with photos of their choice."""
    if helps:
        page.get_by_label("Help with photos that I choose").check()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Choose a photo")).to_be_visible()
    wait_for_setting(page, "isWelcomed", True)


def ask(page: Page, photo: bytes, name: str = "photo.jpg") -> Said:
    """Choose a photo on the camera's screen and wait for its answer."""
    page.get_by_role("link", name="Camera").click()
    choose(page, photo, name)
    page.wait_for_url("**/app/answer/*")
    row = max(documents(page, "photos"), key=lambda each: each["keptAt"])
    answer = row["answer"]
    return Said(*(answer[name] for name in ("label", "scores", "release", "novelty", "milliseconds")))


def choose(page: Page, photo: bytes, name: str = "photo.jpg") -> None:
    page.get_by_label("Choose a photo").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": photo})


def correct(page: Page, label: str = "Metal", seed: int = 0) -> None:
    """Photograph a thing of glass and say that the answer is wrong."""
    ask(page, pictures.jpeg("glass", seed))
    page.get_by_role("button", name="That is wrong").click()
    page.get_by_role("dialog").get_by_role("button", name=label).click()
    page.get_by_role("button", name="Done").click()


def send(page: Page) -> None:
    """Send the photo whose answer is on the screen, with the choices as they stand."""
    page.get_by_role("link", name="Send it", exact=True).click()
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/app/mine/*")


def share(page: Page) -> None:
    """Say that an answer is wrong, and send it."""
    correct(page)
    send(page)


def state(page: Page) -> str:
    """Return what has become of the only photo."""
    (row,) = documents(page, "photos")
    return str(row["state"])


def wait_for_state(page: Page, wanted: str) -> None:
    """Wait until that has become of the only photo."""
    for _ in range(_PATIENCE):
        if state(page) == wanted:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the photo is {state(page)}, not {wanted}")


def wait_for_setting(page: Page, name: str, wanted: Any) -> None:
    """Wait until it is kept: a choice shows before, and a page that is loaded anew meanwhile knows nothing of it."""
    for _ in range(_PATIENCE):
        if (document(page, "settings") or {}).get(name) == wanted:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{name} is not kept as {wanted}")


def can_go_offline(page: Page) -> None:
    """Wait until the browser has kept the app itself."""
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")


def look_for_update(page: Page) -> tuple[str, str | None, int]:
    """Ask for an update on the model's screen; return what came of it, why not, and the release that runs now."""
    page.get_by_role("link", name="Settings").click()
    page.locator("a[href$='/settings/model']").click()
    button = page.get_by_role("button", name="Look for an update")
    expect(button).to_be_visible(timeout=60_000)  # It is called otherwise while the app looks by itself.
    before = (document(page, "lastLook") or {"at": 0})["at"]
    button.click()
    return looked(page, before)


def looked(page: Page, before: float = 0) -> tuple[str, str | None, int]:
    """Wait until the app has looked for updates after the moment `before`; return what came of it."""
    for _ in range(_PATIENCE):
        found = document(page, "lastLook")
        if found is not None and found["at"] > before:
            return found["state"], found["reason"], found["release"]
        page.wait_for_timeout(100)
    raise AssertionError("the app does not look for updates")


def document(page: Page, key: str) -> Any:
    """Return a document of the app's database; None where it was never written."""
    return page.evaluate(_READ, ["documents", key])


def write_document(page: Page, key: str, value: Any) -> None:
    """Write a document of the app's database, as something that happened before would have left it."""
    page.evaluate(_WRITE, [key, value])


def documents(page: Page, store: str) -> Sequence[Any]:
    return page.evaluate(_READ, [store, None])  # type: ignore[no-any-return]


def files(page: Page, folder: str) -> dict[str, int]:
    """Return name to size of the files in one of the app's folders."""
    return page.evaluate(_FILES, folder)  # type: ignore[no-any-return]
