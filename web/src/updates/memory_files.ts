import { joined } from "./byte_streams.ts";
import type { PartialFiles } from "./update_source.ts";

/** Files on the way that need not survive a restart: documents, which are small. */
export function memoryFiles(): PartialFiles {
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  const of = (name: string) => contents.get(name) ?? new Uint8Array();
  return {
    size: (name) => Promise.resolve(of(name).length),
    append(name, content) {
      contents.set(name, joined([of(name), content]));
      return Promise.resolve();
    },
    read: (name) => Promise.resolve(of(name)),
    remove(name) {
      contents.delete(name);
      return Promise.resolve();
    },
    names: () => Promise.resolve([...contents.keys()]),
    roomBytes: () => Promise.resolve(Infinity),
  };
}
