import { computed, signal } from "@preact/signals";

/** Where in the app one can be. The address of each stands in `PATTERNS`. */
export type Route =
  | { readonly screen: "camera" | "search" | "mine" | "settings" | "privacy" | "model" | "missing" }
  | { readonly screen: "answer" | "share" | "photo" | "bin"; readonly id: string };

const BASE = "/app/";
const PATTERNS = {
  camera: "",
  answer: "answer/:id",
  share: "answer/:id/share",
  search: "search",
  bin: "search/:id",
  mine: "mine",
  photo: "mine/:id",
  settings: "settings",
  privacy: "settings/privacy",
  model: "settings/model",
} as const satisfies Readonly<Record<Exclude<Route["screen"], "missing">, string>>;

const path = signal(location.pathname);

export const route = computed(() => routeOf(path.value));

/** The screen that an address shows; `missing` where it shows none. */
export function routeOf(pathname: string): Route {
  const asked = pathname.slice(BASE.length).replace(/\/$/, "").split("/");
  for (const [screen, pattern] of Object.entries(PATTERNS)) {
    const parts = pattern.split("/");
    if (parts.length !== asked.length) continue;
    if (!parts.every((part, place) => part === asked[place] || (part === ":id" && asked[place] !== ""))) continue;
    const id = asked[parts.indexOf(":id")];
    return (id === undefined ? { screen } : { screen, id: decoded(id) }) as Route;
  }
  return { screen: "missing" };
}

/** The address of a screen, for links. */
export function addressOf(screen: keyof typeof PATTERNS, id = ""): string {
  return BASE + PATTERNS[screen].replace(":id", encodeURIComponent(id));
}

/** Goes to an address of the app. `replace` leaves no way back to where one is now. */
export function go(address: string, { replace = false } = {}): void {
  if (address === location.pathname) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  path.value = location.pathname;
  scrollTo(0, 0);
}

/** Follows the browser's buttons, and links within the app without loading it anew. */
export function startRouter(): void {
  addEventListener("popstate", () => {
    path.value = location.pathname;
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target !== "" || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (!link.pathname.startsWith(BASE) || link.hash !== "") return;
    event.preventDefault();
    go(link.pathname);
  });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
