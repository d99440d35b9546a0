import { DocumentProblem, exactly, integer, parse, type Read } from "./document_reader.ts";
import type { MetadataStore } from "./metadata_store.ts";
import { moment } from "./published_formats.ts";

const FILE = "known_time";
const HOUR = 3_600_000;

const document = exactly({ moment, root_version: integer(0) });

/**
 * The time that a phone judges expiry by, although its clock may be wrong (docs/decisions/a-phones-clock-may-be-wrong.md).
 *
 * Guarantees: `now` is never before a moment that is known to have passed, so that a clock which was set back brings no
 * expired metadata back to life that this phone once saw expire. What is remembered lies before the expiry of the
 * timestamp that proved it, and ends with the root keys it was proven by (TUF 1.0.31, 5.3.11).
 */
export class KnownTime {
  private readonly store: MetadataStore;
  private readonly clock: () => Date;
  private readonly notBefore: Date;

  constructor(store: MetadataStore, clock: () => Date, notBefore: Date) {
    this.store = store;
    this.clock = clock;
    this.notBefore = notBefore;
  }

  /** The time to judge by; what an older root than `rootVersion` has proven does not count. */
  async now(rootVersion: number): Promise<Date> {
    const known = await this.known();
    const remembered = known !== null && known.root_version >= rootVersion ? Date.parse(known.moment) : 0;
    return new Date(Math.max(this.clock().getTime(), remembered, this.notBefore.getTime()));
  }

  /** Remembers that `passed` has passed, to the hour, proven by a timestamp that holds until `expires`. */
  async learn(passed: Date, rootVersion: number, expires: Date): Promise<void> {
    const known = await this.known();
    const hour = Math.floor(passed.getTime() / HOUR) * HOUR;
    const isNewer = known === null || known.root_version < rootVersion || Date.parse(known.moment) < hour;
    if (passed >= expires || !isNewer) return;
    const learnt: Read<typeof document> = { moment: new Date(hour).toISOString(), root_version: rootVersion };
    await this.store.write(FILE, new TextEncoder().encode(JSON.stringify(learnt)));
  }

  /** What to tell a person about the clock where metadata looks expired; empty where it looks right. */
  explain(serverDate: Date | null): string {
    const clock = this.clock();
    if (serverDate === null || Math.abs(clock.getTime() - serverDate.getTime()) < HOUR) return "";
    const [own, theirs] = [clock, serverDate].map((each) => each.toISOString().slice(0, 16).replace("T", " "));
    return `; this phone's clock says ${own} UTC and the server's ${theirs}: set the clock if it is the wrong one`;
  }

  /** A file that cannot be read is as good as none: it only ever made this phone stricter. */
  private async known(): Promise<Read<typeof document> | null> {
    const content = await this.store.read(FILE);
    try {
      return content === null ? null : parse(content, document);
    } catch (error) {
      if (error instanceof DocumentProblem) return null;
      throw error;
    }
  }
}
