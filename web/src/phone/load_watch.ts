import { change, read } from "../storage/database.ts";
import { unlessFull } from "../storage/full_disk.ts";
import type { LoadAttempt } from "../storage/tables.ts";

/** What a tab tries, without the tab. */
export type Trial = Omit<LoadAttempt, "tab">;

/** The name of the lock that a phone's worker holds as long as it lives. */
export function lifeLock(tab: string): string {
  return `phone-${tab}`;
}

/**
 * Crashes while a model is loaded or gives its first answer.
 *
 * Guarantees: if the worker or its page dies within `watching`, however it dies, the next start finds out which release
 * it was. A tab that still lives, or that its resident has left meanwhile, has not crashed. What is tried at once in one
 * tab is watched apart; where WebGPU was in it, that is blamed.
 */
export class LoadWatch {
  private readonly tab: string;

  /** `tab` holds its `lifeLock`. */
  constructor(tab: string) {
    this.tab = tab;
  }

  /** What ends with an exception has not crashed. */
  async watching<Result>(trial: Trial, work: () => Promise<Result>): Promise<Result> {
    const attempt = { tab: this.tab, ...trial };
    await this.note((attempts) => [...attempts, attempt]);
    try {
      return await work();
    } finally {
      await this.note((attempts) => {
        const ended = attempts.findIndex((each) => isSame(each, attempt));
        return attempts.filter((_, place) => place !== ended);
      });
    }
  }

  /** What others died of since this was last asked; `left` are the tabs that their resident has closed or put away. */
  async leftOver(left: readonly string[]): Promise<readonly LoadAttempt[]> {
    const tabs = ((await read("loadAttempts")) ?? []).map((each) => each.tab);
    if (tabs.length === 0) return [];
    const { held = [] } = await navigator.locks.query(); // After the tabs are known: whoever tries something lives.
    const living = new Set(held.map((lock) => lock.name));
    const dead = new Set(tabs.filter((tab) => !living.has(lifeLock(tab))));
    let ended: readonly LoadAttempt[] = [];
    await change("loadAttempts", (attempts = []) => {
      ended = attempts.filter((each) => dead.has(each.tab));
      return attempts.filter((each) => !dead.has(each.tab));
    });
    return culprits(ended.filter((each) => !left.includes(each.tab)));
  }

  private async note(changed: (attempts: readonly LoadAttempt[]) => readonly LoadAttempt[]): Promise<void> {
    await unlessFull(() => change("loadAttempts", (attempts) => changed(attempts ?? [])));
  }
}

/** One for each release that a tab tried; of a tab that was trying WebGPU, that one alone. */
function culprits(attempts: readonly LoadAttempt[]): readonly LoadAttempt[] {
  const onGpu = new Set(attempts.filter((each) => each.accelerator === "webgpu").map((each) => each.tab));
  return attempts.filter(
    (attempt, place) =>
      attempts.findIndex((each) => isSame(each, attempt)) === place &&
      (attempt.accelerator === "webgpu" || !onGpu.has(attempt.tab)),
  );
}

function isSame(one: LoadAttempt, other: LoadAttempt): boolean {
  return one.tab === other.tab && one.digest === other.digest && one.accelerator === other.accelerator;
}
