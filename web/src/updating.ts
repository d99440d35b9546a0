import { signal } from "@preact/signals";
import { guide } from "./app_state.ts";
import { type Phone, PhoneError, type Surroundings } from "./phone/phone.ts";
import { surroundings } from "./phone/surroundings.ts";
import { change, read } from "./storage/database.ts";
import type { LastLook } from "./storage/tables.ts";

/** How long a look lasts: whoever comes back earlier is not worth another. */
const LASTS_MILLISECONDS = 3_600_000;

/** Between two looks of a page that stays open; each phone waits a little more or less, so that not all ask at once. */
const PERIOD_MILLISECONDS = 3 * 3_600_000;

/** How long a look lasts that has reached nobody, or has left the phone without a guide; it may be a matter of minutes. */
const SOON_MILLISECONDS = 60_000;

const ANYWHERE: Surroundings = { isUnmetered: true, isCharging: true, isIdle: true };

/** What came of the last look for updates, also of one before this start; null before the first. */
export const lastLook = signal<LastLook | null>(null);

export const isLooking = signal(false);

let phone: Phone | null = null;

/**
 * Looks for updates now, whenever somebody comes back to the app after a while or a network does, and every few hours
 * while the page is open: nobody touches it then, perhaps, which is what some updates wait for. A city may be opened
 * before its guide is published: until there is one, a page that stays open looks after a minute, after two more, and
 * so on.
 */
export async function startUpdating(connected: Phone): Promise<void> {
  phone = connected;
  lastLook.value = (await read("lastLook")) ?? null;
  document.addEventListener("visibilitychange", lookIfLongAgo);
  addEventListener("online", lookIfLongAgo);
  try {
    await look();
  } finally {
    planNextLook(0);
  }
}

/**
 * Looks for updates, and follows them as far as where the phone is allows it; what comes of it is in `lastLook`. What the
 * resident has asked for (`isAsked`) waits for nothing.
 */
export async function look(isAsked = false): Promise<void> {
  if (phone === null || isLooking.value) return;
  isLooking.value = true;
  try {
    const outcome = await phone.update(isAsked ? ANYWHERE : await surroundings());
    const { state, release } = outcome;
    const reason = outcome.state === "refused" ? outcome.reason : null;
    lastLook.value = await change("lastLook", () => ({ at: Date.now(), state, reason, release }));
  } catch (error) {
    // Without a model there is nothing to update, and the screens say that there is none.
    if (!(error instanceof PhoneError)) throw error;
  } finally {
    isLooking.value = false;
  }
}

/** `looks`: how many this page has planned before. */
function planNextLook(looks: number): void {
  const soon = guide.value === null ? SOON_MILLISECONDS * 2 ** looks : Infinity;
  const wait = Math.min(soon, PERIOD_MILLISECONDS) * (0.75 + Math.random() / 2);
  setTimeout(() => void lookAndPlan(looks + 1), wait);
}

async function lookAndPlan(looks: number): Promise<void> {
  try {
    if (navigator.onLine) await look();
  } finally {
    planNextLook(looks);
  }
}

function lookIfLongAgo(): void {
  const { at, reason } = lastLook.value ?? { at: 0, reason: null };
  const lasts = guide.value === null || reason === "unreachable" ? SOON_MILLISECONDS : LASTS_MILLISECONDS;
  if (document.visibilityState === "visible" && Math.abs(Date.now() - at) > lasts) void look();
}
