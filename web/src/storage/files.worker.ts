/**
 * One folder of the Origin Private File System.
 *
 * Guarantees: what `append` has written is on the disk when its promise resolves, and comes after all that was there;
 * reading needs no lock, so that tabs may read what another one has written. Everything rejects with the browser's own
 * errors: `QuotaExceededError` where there is no room.
 */
export interface Folder {
  /** Bytes of a file; 0 where there is none. */
  size(name: string): Promise<number>;
  append(name: string, content: Uint8Array): Promise<void>;
  /** All of a file; empty where there is none. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Removes a file if there is one. */
  remove(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
  /** How many bytes still fit, as far as the browser tells; Infinity where it does not. */
  roomBytes(): Promise<number>;
}

export function folder(name: string): Folder {
  return {
    size: async (file) => (await found(name, file))?.size ?? 0,
    async append(file, content) {
      const place = await (await root()).getDirectoryHandle(name, { create: true });
      const handle = await place.getFileHandle(file, { create: true });
      const access = await handle.createSyncAccessHandle();
      try {
        write(access, content);
      } finally {
        access.close();
      }
    },
    read: async (file) => new Uint8Array((await (await found(name, file))?.arrayBuffer()) ?? new ArrayBuffer()),
    async remove(file) {
      await unlessMissing(async () => {
        await (await directory(name)).removeEntry(file);
      });
    },
    async names() {
      const names: string[] = [];
      await unlessMissing(async () => {
        for await (const file of (await directory(name)).keys()) names.push(file);
      });
      return names;
    },
    async roomBytes() {
      const { quota, usage } = await navigator.storage.estimate();
      return quota === undefined || usage === undefined ? Infinity : quota - usage;
    },
  };
}

/** Reading makes nothing, so that it works where there is no room. */
async function directory(name: string): Promise<FileSystemDirectoryHandle> {
  return (await root()).getDirectoryHandle(name);
}

/** Opened anew each time: the browser may have cleared its storage meanwhile. */
function root(): Promise<FileSystemDirectoryHandle> {
  return navigator.storage.getDirectory();
}

function found(name: string, file: string): Promise<File | undefined> {
  return unlessMissing(async () => (await (await directory(name)).getFileHandle(file)).getFile());
}

async function unlessMissing<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotFoundError") return undefined;
    throw error;
  }
}

/** A write may take less than it was given. */
function write(access: FileSystemSyncAccessHandle, content: Uint8Array): void {
  const start = access.getSize();
  for (let done = 0; done < content.length;) {
    const written = access.write(content.subarray(done), { at: start + done });
    if (written === 0) throw new DOMException("nothing more can be written", "QuotaExceededError");
    done += written;
  }
  access.flush();
}
