import type { MetadataStore } from "./metadata_store.ts";
import { refusingStorageErrors } from "./refusals.ts";
import type { PartialFiles, UpdateSource } from "./update_source.ts";

/** The same source, whose storage fails with an `UpdateRefused` that says why. */
export function guarded(source: UpdateSource): UpdateSource {
  return { ...source, store: guardedStore(source.store), files: guardedFiles(source.files) };
}

export function guardedStore(store: MetadataStore): MetadataStore {
  return {
    read: (name) => refusingStorageErrors(() => store.read(name)),
    write: (name, content) => refusingStorageErrors(() => store.write(name, content)),
    names: () => refusingStorageErrors(() => store.names()),
    exclusively: (work) => store.exclusively(work),
  };
}

export function guardedFiles(files: PartialFiles): PartialFiles {
  return {
    size: (name) => refusingStorageErrors(() => files.size(name)),
    append: (name, content) => refusingStorageErrors(() => files.append(name, content)),
    read: (name) => refusingStorageErrors(() => files.read(name)),
    remove: (name) => refusingStorageErrors(() => files.remove(name)),
    names: () => refusingStorageErrors(() => files.names()),
    roomBytes: () => refusingStorageErrors(() => files.roomBytes()),
  };
}
