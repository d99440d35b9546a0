import { describe, expect, it } from "vitest";
import { factoryFile } from "../../../tests/updates/vectors.ts";
import { sha256Hex } from "../digests.ts";
import { canonicalBytes } from "./canonical_json.ts";

function canonical(json: string): string {
  return new TextDecoder().decode(canonicalBytes(JSON.parse(json)));
}

describe("the canonical form", () => {
  it("has sorted members, no spaces, and escapes nothing but quotation mark and backslash", () => {
    expect(canonical('{ "b": [1, null, true], "a": {"d": "\\"\\\\\\n/ä", "c": -0} }')).toBe(
      '{"a":{"c":0,"d":"\\"\\\\\n/ä"},"b":[1,null,true]}',
    );
  });

  it("sorts by code points, also beyond 16 bits", () => {
    expect(canonical('{"\\ud83d\\ude00": 1, "\\uffee": 2}')).toBe('{"\uffee":2,"😀":1}');
  });

  it("is what the root of the test vectors was signed over", async () => {
    const { signed } = JSON.parse(new TextDecoder().decode(factoryFile("root.json"))) as { signed: unknown };
    expect(await sha256Hex(canonicalBytes(signed))).toBe(
      "2c8f7cf81a87dc09aac612ad0f3a33b6d7defba3d8e0a0ef6c0e68ea32532030",
    );
  });

  it.each(["0.5", "9007199254740993", '"\\ud83d"', '{"\\udc00": 1}', "[".repeat(100) + "]".repeat(100)])(
    "is refused for %s",
    (json) => {
      expect(() => canonical(json)).toThrow(TypeError);
    },
  );
});
