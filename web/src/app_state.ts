import { batch, computed, effect, signal } from "@preact/signals";
import { watch } from "./contributions/changes.ts";
import { type OwnPhoto, own } from "./contributions/photos.ts";
import type { Guide } from "./guide/guide.ts";
import { changeSettings, defaults, settings as keptSettings } from "./storage/settings.ts";
import type { Settings } from "./storage/tables.ts";
import { preferredLanguage, speak } from "./words/words.ts";

/**
 * What the screens show, as signals: whoever reads one follows it. Photos are read again from what is kept whenever this
 * page, another tab or the service worker has changed them. The model has its own: `model_state.ts`.
 */

/** What is kept of what the resident has chosen, and what was chosen since, which is just being kept; in this order. */
const keptChoices = signal<Settings>(defaults);
const choicesAhead = signal<readonly Partial<Settings>[]>([]);

/** What the resident has chosen. */
export const settings = computed<Settings>(
  () => Object.assign({}, keptChoices.value, ...choicesAhead.value) as Settings,
);

/** Whether the browser believes that there is a network. It may be wrong about a yes, never about a no. */
export const isOnline = signal(navigator.onLine);

/** The city's guide that was verified last; null before the first. */
export const guide = signal<Guide | null>(null);

/** Whether it was looked for already: before, its absence says nothing. */
export const isGuideRead = signal(false);

/** The resident's own photos, newest first; null until they are read. */
export const ownPhotos = signal<readonly OwnPhoto[] | null>(null);

/** Whether this browser lets the app keep nothing (or nothing any more), so that there is no model either. */
export const keepsNothing = signal(false);

/**
 * Shows the changes at once, so that nothing jumps back under a finger, and keeps them. Rejects where the phone cannot keep
 * them; then what is kept is shown again, with what else was chosen meanwhile.
 */
export async function choose(changes: Partial<Settings>): Promise<void> {
  choicesAhead.value = [...choicesAhead.value, changes];
  const settle = (kept: Settings) => {
    batch(() => {
      keptChoices.value = kept;
      choicesAhead.value = choicesAhead.value.filter((each) => each !== changes);
    });
  };
  try {
    settle(await changeSettings(changes));
  } catch (error) {
    settle(keptChoices.value);
    throw error;
  }
}

/** Reads what is kept, and follows what happens outside of the page. Once, before the first screen. */
export async function startState(): Promise<void> {
  addEventListener("online", followNetwork);
  addEventListener("offline", followNetwork);
  watch(() => void readPhotos());
  try {
    keptChoices.value = await keptSettings();
  } catch {
    keepsNothing.value = true; // The screens say what is missing.
  }
  void readPhotos();
  await speak(wantedLanguage());
  effect(() => {
    document.documentElement.dataset["theme"] = settings.value.theme;
  });
  effect(() => {
    void speak(wantedLanguage());
  });
}

/** How many readings of the photos have begun, and which of them is shown. */
const readings = { begun: 0, shown: 0 };

/** Shows the photos as they are now, or later: a reading that comes after one that was begun later is out of date. */
export async function readPhotos(): Promise<void> {
  const turn = ++readings.begun;
  try {
    const photos = await own();
    if (turn < readings.shown) return;
    readings.shown = turn;
    ownPhotos.value = photos;
  } catch {
    keepsNothing.value = true;
    ownPhotos.value ??= [];
  }
}

function followNetwork(): void {
  isOnline.value = navigator.onLine;
}

function wantedLanguage() {
  return settings.value.language ?? preferredLanguage(navigator.languages);
}
