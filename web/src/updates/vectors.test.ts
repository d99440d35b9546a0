import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../tests/updates/memory_store.ts";
import { CHUNK_BYTES, StaticWeb } from "../../tests/updates/static_web.ts";
import { factoryFile, repositoryFiles, vectorCases, type Visit } from "../../tests/updates/vectors.ts";
import { sha256Hex } from "./digests.ts";
import { checkFits } from "./fitness.ts";
import { readManifest } from "./manifest.ts";
import { memoryFiles } from "./memory_files.ts";
import { downloadModel } from "./model_download.ts";
import { UpdateRefused } from "./refusals.ts";
import type { KnownModels, UpdateSource } from "./update_source.ts";
import { look, readGuide } from "./updater.ts";

const bundledModel = factoryFile("model.tflite");
const bundledDigest = await sha256Hex(bundledModel);
const versions = JSON.parse(new TextDecoder().decode(factoryFile("phone.json"))) as Record<string, string>;
const models: KnownModels = {
  digests: () => Promise.resolve([bundledDigest]),
  read: () => Promise.resolve(bundledModel),
};

/** One phone, which remembers between its visits. */
class Phone {
  private readonly store = new MemoryStore();
  private readonly files = memoryFiles();
  private readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  async visit(caseName: string, visit: Visit): Promise<object> {
    const web = new StaticWeb(repositoryFiles(caseName, visit.repository));
    const source: UpdateSource = {
      updatesUrl: "http://updates.test/",
      trustedRoot: factoryFile("root.json"),
      store: this.store,
      files: this.files,
      fetch: web.fetch,
      clock: () => new Date(visit.moment),
      bundledAt: new Date(0),
    };
    const made = await this.verdict(source, web, visit).catch((error: unknown) => {
      if (!(error instanceof UpdateRefused)) throw error;
      return { verdict: "refused", reason: error.reason };
    });
    expect(web.movedOf("timestamp.json")).toBeLessThanOrEqual(16_384 + CHUNK_BYTES);
    expect(web.movedOf(".tflite")).toBeLessThanOrEqual(bundledModel.length + CHUNK_BYTES);
    if (visit.city === undefined) return made;
    return { ...made, guide: (await readGuide(source, visit.city))?.version ?? null };
  }

  private async verdict(source: UpdateSource, web: StaticWeb, visit: Visit): Promise<object> {
    const offer = await look(source, visit.channel, this.id, [bundledDigest], visit.city ?? null);
    if (offer === null) return { verdict: "bundled" };
    const { runtime_version = "", app_version = "" } = versions;
    checkFits(offer, readManifest(factoryFile("manifest.json")), runtime_version, app_version);
    const { content } = await downloadModel(source, offer, models, () => undefined);
    const [whole, patch] = [web.movedOf(".tflite"), web.movedOf(".patch")];
    const conditions = Object.entries(offer.conditions).filter(([, isAsked]) => isAsked);
    return {
      verdict: "release",
      version: offer.manifest.version,
      manifest_sha256: offer.digest,
      model_sha256: await sha256Hex(content),
      download: whole > 0 ? "whole" : patch > 0 ? "patch" : "none",
      bytes: whole > 0 ? whole : patch,
      ...(conditions.length > 0 ? { conditions: Object.fromEntries(conditions) } : {}),
    };
  }
}

describe("the test vectors of the updates", () => {
  it.each(vectorCases.map((each) => [each.name, each] as const))("%s", async (name, { visits, about }) => {
    const phones = new Map<string, Phone>();
    for (const visit of visits) {
      for (const [id, expected] of Object.entries(visit.phones)) {
        const phone = phones.get(id) ?? new Phone(id);
        phones.set(id, phone);
        expect(await phone.visit(name, visit), about).toEqual(expected);
      }
    }
  });
});
