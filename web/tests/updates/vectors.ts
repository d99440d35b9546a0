import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const FOLDER = resolve(import.meta.dirname, "../../../tests/vectors/updates");

/** What a phone must make of a visit (tests/vectors/updates/README.md). */
export interface Visit {
  readonly repository: string;
  readonly moment: string;
  readonly channel: string;
  /** City whose guide the phones follow. */
  readonly city?: string;
  /** Device id to verdict. */
  readonly phones: Readonly<Record<string, unknown>>;
}

export interface VectorCase {
  readonly name: string;
  readonly about: string;
  readonly visits: readonly Visit[];
}

export const vectorCases: readonly VectorCase[] = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !["phone", "__pycache__"].includes(entry.name))
  .map(({ name }) => {
    const expected = JSON.parse(readFileSync(join(FOLDER, name, "expected.json"), "utf8")) as Omit<VectorCase, "name">;
    return { ...expected, name };
  });

/** A file of the phones from the factory. */
export function factoryFile(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(FOLDER, "phone", name)));
}

/** The files of a visit's repository, by the path below its address. */
export function repositoryFiles(caseName: string, repository: string): [string, Uint8Array<ArrayBuffer>][] {
  const folder = join(FOLDER, caseName, repository);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(folder, path), new Uint8Array(readFileSync(path))];
    });
}
