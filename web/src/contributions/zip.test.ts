import { expect, test } from "vitest";
import { zip } from "./zip.ts";

const AT = new Date(2027, 2, 10, 12, 30, 8);

async function view(files: Parameters<typeof zip>[0]): Promise<DataView> {
  return new DataView(await (await zip(files)).arrayBuffer());
}

/** Python's zipfile reads a whole archive in tests/web; here are the places where the format wants what. */
test("a file is stored with its checksum, its time and its name, and listed at the end", async () => {
  const made = await view([{ name: "größe.txt", content: new Blob(["123456789"]), changedAt: AT }]);
  const nameBytes = new TextEncoder().encode("größe.txt").length;
  expect(made.getUint32(14, true)).toBe(0xcbf43926); // CRC-32 of "123456789", as its definition gives it.
  expect([made.getUint32(18, true), made.getUint32(22, true), made.getUint16(26, true)]).toEqual([9, 9, nameBytes]);
  expect(made.getUint16(10, true)).toBe((12 << 11) | (30 << 5) | 4);
  expect(made.getUint16(12, true)).toBe(((2027 - 1980) << 9) | (3 << 5) | 10);
  const directoryAt = 30 + nameBytes + 9;
  expect(made.getUint32(directoryAt, true)).toBe(0x02014b50);
  const end = directoryAt + 46 + nameBytes;
  expect([made.getUint32(end, true), made.getUint16(end + 10, true)]).toEqual([0x06054b50, 1]);
  expect([made.getUint32(end + 12, true), made.getUint32(end + 16, true)]).toEqual([46 + nameBytes, directoryAt]);
  expect(made.byteLength).toBe(end + 22);
});

test("the directory says where each file begins", async () => {
  const files = ["a", "b"].map((name) => ({ name, content: new Blob([name.repeat(5)]), changedAt: AT }));
  const made = await view(files);
  const directoryAt = made.getUint32(made.byteLength - 6, true);
  const second = made.getUint32(directoryAt + 46 + 1 + 42, true);
  expect([second, made.getUint32(second, true)]).toEqual([30 + 1 + 5, 0x04034b50]);
});
