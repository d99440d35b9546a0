import { signal } from "@preact/signals";

/** What Chromium's browsers announce where the app can be installed; it is in no standard. */
interface InstallPrompt extends Event {
  prompt(): Promise<{ readonly outcome: "accepted" | "dismissed" }>;
}

let prompt: InstallPrompt | null = null;

/** `by_hand`: the browser can, but only people can ask it to (Safari on iPhones and iPads). */
export type Installing = "installed" | "offered" | "by_hand" | "impossible";

export const installing = signal<Installing>("impossible");

/** Follows what the browser says about it. To be called before the page has loaded, since it says so once. */
export function startInstalling(): void {
  installing.value = withoutPrompt();
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault(); // The app has its own place for it, in its settings.
    prompt = event as InstallPrompt;
    installing.value = "offered";
  });
  addEventListener("appinstalled", () => {
    prompt = null;
    installing.value = "installed";
  });
}

/** Lets the browser ask. It does so once for each offer. */
export async function install(): Promise<void> {
  const asked = prompt;
  prompt = null;
  if (asked === null) return;
  const { outcome } = await asked.prompt();
  if (outcome === "dismissed") installing.value = withoutPrompt();
}

function withoutPrompt(): Installing {
  const safari = navigator as Navigator & { readonly standalone?: boolean };
  if (matchMedia("(display-mode: standalone)").matches || safari.standalone === true) return "installed";
  return safari.standalone === undefined ? "impossible" : "by_hand";
}
