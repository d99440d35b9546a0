/**
 * A ZIP archive whose files are stored as they are (APPNOTE.TXT 6.3.10, method 0): photos do not shrink, and so no
 * library is needed. Up to 4 GiB and 65,535 files.
 */
export interface ZipFile {
  /** With `/` between folders. */
  readonly name: string;
  readonly content: Blob;
  readonly changedAt: Date;
}

const LOCAL_SIGNATURE = 0x04034b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const END_SIGNATURE = 0x06054b50;
const VERSION_NEEDED = 20;
const NAMES_ARE_UTF8 = 0x0800;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;

/** Reads one file after the other, so that never all of them are in memory at once. */
export async function zip(files: readonly ZipFile[]): Promise<Blob> {
  const [contents, directory]: [BlobPart[], BlobPart[]] = [[], []];
  let offset = 0;
  for (const { name, content, changedAt } of files) {
    const bytes = new Uint8Array(await content.arrayBuffer());
    const encoded = new TextEncoder().encode(name);
    const about = { checksum: crc32(bytes), size: bytes.length, nameSize: encoded.length, changedAt };
    contents.push(localHeader(about), encoded, content);
    directory.push(centralHeader(about, offset), encoded);
    offset += LOCAL_BYTES + encoded.length + bytes.length;
  }
  const central = new Blob(directory);
  return new Blob([...contents, central, endRecord(files.length, central.size, offset)], { type: "application/zip" });
}

interface About {
  readonly checksum: number;
  readonly size: number;
  readonly nameSize: number;
  readonly changedAt: Date;
}

function localHeader(about: About): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(LOCAL_BYTES));
  view.setUint32(0, LOCAL_SIGNATURE, true);
  describe(view, 4, about);
  return new Uint8Array(view.buffer);
}

function centralHeader(about: About, offset: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(CENTRAL_BYTES));
  view.setUint32(0, CENTRAL_SIGNATURE, true);
  view.setUint16(4, VERSION_NEEDED, true); // made by
  describe(view, 6, about);
  view.setUint32(42, offset, true);
  return new Uint8Array(view.buffer);
}

/** The 26 bytes that both headers have in common; what is not set is zero. */
function describe(view: DataView, at: number, { checksum, size, nameSize, changedAt }: About): void {
  view.setUint16(at, VERSION_NEEDED, true);
  view.setUint16(at + 2, NAMES_ARE_UTF8, true);
  view.setUint16(at + 6, timeOf(changedAt), true);
  view.setUint16(at + 8, dateOf(changedAt), true);
  view.setUint32(at + 10, checksum, true);
  view.setUint32(at + 14, size, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, nameSize, true);
}

function endRecord(count: number, directoryBytes: number, directoryAt: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(END_BYTES));
  view.setUint32(0, END_SIGNATURE, true);
  view.setUint16(8, count, true);
  view.setUint16(10, count, true);
  view.setUint32(12, directoryBytes, true);
  view.setUint32(16, directoryAt, true);
  return new Uint8Array(view.buffer);
}

function timeOf(moment: Date): number {
  return (moment.getHours() << 11) | (moment.getMinutes() << 5) | (moment.getSeconds() >> 1);
}

/** Years begin in 1980. */
function dateOf(moment: Date): number {
  return (Math.max(0, moment.getFullYear() - 1980) << 9) | ((moment.getMonth() + 1) << 5) | moment.getDate();
}

const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

function crc32(bytes: Uint8Array): number {
  let checksum = 0xffffffff;
  for (const byte of bytes) checksum = (REMAINDERS[(checksum ^ byte) & 0xff] ?? 0) ^ (checksum >>> 8);
  return (checksum ^ 0xffffffff) >>> 0;
}
