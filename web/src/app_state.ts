import { signal } from "@preact/signals";
import type { Guide } from "./guide/guide.ts";
import { changeSettings, defaults, settings as keptSettings } from "./storage/settings.ts";
import type { Settings } from "./storage/tables.ts";
import { language, preferredLanguage, speak } from "./words/words.ts";

/** What the resident has chosen, as it stands on the phone. */
export const settings = signal<Settings>(defaults);

/** Whether the browser believes that there is a network. It may be wrong about a yes, never about a no. */
export const isOnline = signal(navigator.onLine);

/** The city's guide that was verified last; null before the first. */
export const guide = signal<Guide | null>(null);

/** Keeps the changes, then shows them. Rejects where the phone cannot keep them. */
export async function choose(changes: Partial<Settings>): Promise<void> {
  show(await changeSettings(changes));
}

/** Reads what is kept, and follows what happens outside of the page. Once, before the first screen. */
export async function startState(): Promise<void> {
  addEventListener("online", followNetwork);
  addEventListener("offline", followNetwork);
  show(await keptSettings());
}

function followNetwork(): void {
  isOnline.value = navigator.onLine;
}

function show(changed: Settings): void {
  settings.value = changed;
  document.documentElement.dataset["theme"] = changed.theme;
  const wanted = changed.language ?? preferredLanguage(navigator.languages);
  if (wanted !== language.value) void speak(wanted);
}
