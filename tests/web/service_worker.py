"""The service worker of the app, as tests wait for it. (Its pages forbid what `wait_for_function` would do.)"""

from playwright.sync_api import Page

_CONTROLLED = """() => new Promise((resolve) => {
  if (navigator.serviceWorker.controller !== null) resolve();
  else navigator.serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true });
})"""
_LOOKED = """async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  const worker = await registration.update().then((it) => it.installing, () => null);
  if (worker === null) return;
  await new Promise((resolve) => {
    const look = () => ["installed", "activated", "redundant"].includes(worker.state) && resolve();
    worker.addEventListener("statechange", look);
    look();
  });
}"""


def controlled(page: Page) -> Page:
    """Wait until the page can do without a network."""
    page.evaluate(_CONTROLLED)
    return page


def looked_for_newer(page: Page) -> Page:
    """Wait until the browser has looked for a newer version of the app, and has it or has given it up."""
    page.evaluate(_LOOKED)
    return page
