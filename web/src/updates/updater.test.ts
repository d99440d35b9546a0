import { describe, expect, it } from "vitest";
import { City, phoneOf, SIGNED_AT } from "../../tests/updates/city.ts";
import { factoryFile } from "../../tests/updates/vectors.ts";
import { look } from "./updater.ts";

function looks(city: City) {
  return look(phoneOf(city).source, "stable", "phone-1", [], null);
}

describe("a look", () => {
  it("finds a manifest where it belongs: one of another release is not taken for it", async () => {
    const city = await City.found();
    city.models.set("models/2/manifest.json", factoryFile("manifest.json"));
    city.models.set("models/2/model.tflite", factoryFile("model.tflite"));
    city.point({ current: 2 });
    await city.publish(SIGNED_AT);
    await expect(looks(city)).rejects.toMatchObject({ reason: "tampered_metadata" });
  });

  it("does not go deeper than one delegation, and says so", async () => {
    const city = await City.found();
    city.channelsDelegate = { name: "others", terminating: true, paths: ["models/*", "channels/*"] };
    city.documents.delete("channels/stable.json");
    await city.publish(SIGNED_AT);
    await expect(looks(city)).rejects.toMatchObject({ reason: "app_too_old" });
  });

  it("has nothing to say about a channel that there is not", async () => {
    const { source } = phoneOf(await City.found());
    await expect(look(source, "beta", "phone-1", [], null)).rejects.toMatchObject({ reason: "not_published" });
  });

  it("takes an address with a slash at its end for the same", async () => {
    const { source } = phoneOf(await City.found());
    const offer = await look({ ...source, updatesUrl: `${source.updatesUrl}/` }, "stable", "phone-1", [], null);
    expect(offer?.manifest.version).toBe(1);
  });
});
