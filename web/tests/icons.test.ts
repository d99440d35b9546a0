import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Manifest {
  readonly icons: readonly { readonly src: string; readonly sizes: string; readonly type: string }[];
}

/** Width and height of a PNG in pixels, from its header. */
function pixelsOf(name: string): [number, number] {
  const content = readFileSync(`public/${name}`);
  expect(content.toString("latin1", 1, 4)).toBe("PNG");
  return [content.readUInt32BE(16), content.readUInt32BE(20)];
}

test("the manifest's pictures are there, in the size that it names", () => {
  const manifest = JSON.parse(readFileSync("public/manifest.webmanifest", "utf8")) as Manifest;
  const pngs = manifest.icons.filter((icon) => icon.type === "image/png");
  expect(pngs.map((icon) => pixelsOf(icon.src).join("x"))).toEqual(pngs.map((icon) => icon.sizes));
  expect(pngs.map((icon) => icon.sizes)).toEqual(expect.arrayContaining(["192x192", "512x512"]));
});

test("each splash picture fits the screen that the page names for it", () => {
  const page = readFileSync("index.html", "utf8");
  const links = page.matchAll(
    /href="\/app\/(icons\/splash-\d+\.png)"\s+media="\(device-width: (\d+)px\) and \(device-height: (\d+)px\) and \(-webkit-device-pixel-ratio: (\d)\)"/g,
  );
  const wrong = [...links].filter(([, name = "", width, height, ratio]) => {
    const [wide, high] = pixelsOf(name);
    return wide !== Number(width) * Number(ratio) || high !== Number(height) * Number(ratio);
  });
  expect(page.match(/apple-touch-startup-image/g)).toHaveLength(8);
  expect(wrong.map(([, name]) => name)).toEqual([]);
});
