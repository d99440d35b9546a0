import { change, read } from "./database.ts";
import type { Settings } from "./tables.ts";

/** Nothing leaves the phone until the resident says so. */
export const defaults: Settings = {
  language: null,
  theme: "system",
  isWelcomed: false,
  sends: false,
  allowsReview: false,
  allowsTraining: false,
  precision: "district",
  sendsOnUnmeteredOnly: false,
  updatesOnUnmeteredOnly: false,
};

export async function settings(): Promise<Settings> {
  return { ...defaults, ...(await read("settings")) };
}

export function changeSettings(changes: Partial<Settings>): Promise<Settings> {
  return change("settings", (before) => ({ ...defaults, ...before, ...changes }));
}
