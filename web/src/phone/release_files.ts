import { sha256Hex } from "../updates/digests.ts";
import { DocumentProblem } from "../updates/document_reader.ts";
import { readManifest, type ReleaseManifest } from "../updates/manifest.ts";
import type { PartialFiles } from "../updates/update_source.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The files of a release, whose digests were checked. */
export interface Release {
  /** SHA-256 of the manifest, which names everything else. */
  readonly digest: string;
  readonly manifestContent: Bytes;
  readonly manifest: ReleaseManifest;
  readonly model: Bytes;
}

/** The files of the releases on this phone. What is read has the digests it is named by, whatever became of the disk. */
export class ReleaseFiles {
  private readonly files: PartialFiles;

  constructor(files: PartialFiles) {
    this.files = files;
  }

  /** Null where the files are not here, or not whole. */
  async read(digest: string): Promise<Release | null> {
    const manifestContent = await this.files.read(manifestFile(digest));
    if ((await sha256Hex(manifestContent)) !== digest) return null;
    const manifest = manifestOf(manifestContent);
    const model = await this.files.read(modelFile(digest));
    const isWhole = manifest !== null && (await sha256Hex(model)) === manifest.model.sha256;
    return isWhole ? { digest, manifestContent, manifest, model } : null;
  }

  /** Null where it is not here, or this version of the app cannot read it. */
  async manifest(digest: string): Promise<ReleaseManifest | null> {
    return manifestOf(await this.files.read(manifestFile(digest)));
  }

  /** The model as it lies there. */
  model(digest: string): Promise<Bytes> {
    return this.files.read(modelFile(digest));
  }

  /** Nothing is left of it where this rejects. */
  async place({ digest, manifestContent, model }: Release): Promise<void> {
    await this.remove(digest);
    try {
      await this.files.append(modelFile(digest), model);
      await this.files.append(manifestFile(digest), manifestContent);
    } catch (error) {
      await this.remove(digest);
      throw error;
    }
  }

  async remove(digest: string): Promise<void> {
    await this.files.remove(manifestFile(digest));
    await this.files.remove(modelFile(digest));
  }

  async removeAllBut(digests: readonly string[]): Promise<void> {
    const wanted = digests.flatMap((digest) => [manifestFile(digest), modelFile(digest)]);
    for (const name of await this.files.names()) {
      if (!wanted.includes(name)) await this.files.remove(name);
    }
  }
}

function manifestFile(digest: string): string {
  return `${digest}.json`;
}

function modelFile(digest: string): string {
  return `${digest}.tflite`;
}

function manifestOf(content: Bytes): ReleaseManifest | null {
  try {
    return readManifest(content);
  } catch (error) {
    if (error instanceof DocumentProblem) return null;
    throw error;
  }
}
