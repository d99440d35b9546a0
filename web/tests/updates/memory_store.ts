import type { MetadataStore } from "../../src/updates/metadata_store.ts";

/** What a phone remembers, in memory. Before each write it asks `beforeWrite`, which may throw as a phone's storage does. */
export class MemoryStore implements MetadataStore {
  readonly contents: Map<string, Uint8Array<ArrayBuffer>>;
  readonly written: string[] = [];
  beforeWrite: (name: string) => void = () => undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(contents: Iterable<readonly [string, Uint8Array<ArrayBuffer>]> = []) {
    this.contents = new Map(contents);
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer> | null> {
    await Promise.resolve();
    return this.contents.get(name)?.slice() ?? null;
  }

  async write(name: string, content: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.beforeWrite(name);
    this.written.push(name);
    this.contents.set(name, new Uint8Array(content));
  }

  async names(): Promise<readonly string[]> {
    await Promise.resolve();
    return [...this.contents.keys()];
  }

  exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }
}
