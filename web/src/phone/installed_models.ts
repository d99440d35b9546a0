import type { InstalledModels, RefusedModel } from "../storage/tables.ts";

/** The rules of what is installed, without any input or output (phone/model_store.py is their reference). */

export const NONE: InstalledModels = {
  active: null,
  previous: null,
  bundled: null,
  refused: {},
  answered: [],
  crashes: {},
  accelerators: {},
};

/** Makes a release the active one, null the one that came with the app, and keeps the one before. */
export function activated(installed: InstalledModels, digest: string | null): InstalledModels {
  if (installed.active === digest) return installed;
  return tidied({ ...installed, active: digest, previous: installed.active });
}

/** Gives a release up for the one before; `refused` remembers that it does not work, null where only its files were. */
export function dropped(installed: InstalledModels, digest: string, refused: RefusedModel | null): InstalledModels {
  const { active, previous } = installed;
  const without =
    digest === active ? { active: previous, previous: null } : digest === previous ? { previous: null } : {};
  const remembered = refused === null ? installed.refused : { ...installed.refused, [digest]: refused };
  return tidied({ ...installed, ...without, refused: remembered });
}

export function hasAnswered(installed: InstalledModels, digest: string): InstalledModels {
  if (installed.answered.includes(digest) && !(digest in installed.crashes)) return installed;
  const crashes = Object.fromEntries(Object.entries(installed.crashes).filter(([each]) => each !== digest));
  return { ...installed, answered: [...installed.answered.filter((each) => each !== digest), digest], crashes };
}

export function hasCrashed(installed: InstalledModels, digest: string): InstalledModels {
  return { ...installed, crashes: { ...installed.crashes, [digest]: (installed.crashes[digest] ?? 0) + 1 } };
}

/** One that never answered here is given up at its first crash, one that has at the second in a row. */
export function isGivenUp(installed: InstalledModels, digest: string): boolean {
  return (installed.crashes[digest] ?? 0) > (installed.answered.includes(digest) ? 1 : 0);
}

/** The digests of the releases whose files are wanted here. */
export function wanted({ active, previous, bundled }: InstalledModels): readonly string[] {
  return [active, previous, bundled].filter((digest) => digest !== null);
}

/** Without what was known of releases that are not here any more. */
function tidied(installed: InstalledModels): InstalledModels {
  const here = wanted(installed);
  const only = <Value>(values: Readonly<Record<string, Value>>) =>
    Object.fromEntries(Object.entries(values).filter(([digest]) => here.includes(digest)));
  return {
    ...installed,
    answered: installed.answered.filter((digest) => here.includes(digest)),
    crashes: only(installed.crashes),
    accelerators: only(installed.accelerators),
  };
}
