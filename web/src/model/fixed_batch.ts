const SUBGRAPHS = 2; // Numbers of fields in the schema of .tflite files.
const TENSORS = 0;
const SHAPE = 0;
const SHAPE_SIGNATURE = 7;

/**
 * Closes the dimensions that a .tflite file leaves open, in place, by those it was made with.
 *
 * The published format feeds one photo at a time, and LiteRT.js runs no model whose batch is open, although models of
 * the format may say so. Run on bytes whose digest was checked before. A file that is no .tflite throws `RangeError`,
 * or is left as it is.
 */
export function fixBatch(model: Uint8Array): void {
  const view = new DataView(model.buffer, model.byteOffset, model.byteLength);
  for (const subgraph of tables(view, field(view, pointedTo(view, 0), SUBGRAPHS))) {
    for (const tensor of tables(view, field(view, subgraph, TENSORS))) {
      const shape = elements(view, field(view, tensor, SHAPE));
      elements(view, field(view, tensor, SHAPE_SIGNATURE)).forEach((place, n) => {
        const made = shape[n];
        if (view.getInt32(place, true) === -1 && made !== undefined)
          view.setInt32(place, view.getInt32(made, true), true);
      });
    }
  }
}

/** Where a field of a FlatBuffers table lies; null where the table does not have it. */
function field(view: DataView, table: number, number: number): number | null {
  const fields = table - view.getInt32(table, true);
  const entry = 4 + number * 2;
  const offset = entry < view.getUint16(fields, true) ? view.getUint16(fields + entry, true) : 0;
  return offset === 0 ? null : table + offset;
}

/** The places of the 4-byte elements of a vector. */
function elements(view: DataView, vector: number | null): number[] {
  if (vector === null) return [];
  const start = pointedTo(view, vector);
  const length = view.getUint32(start, true);
  if (length * 4 > view.byteLength) throw new RangeError("a vector is longer than the file");
  return Array.from({ length }, (_, n) => start + 4 + n * 4);
}

function tables(view: DataView, vector: number | null): number[] {
  return elements(view, vector).map((place) => pointedTo(view, place));
}

function pointedTo(view: DataView, place: number): number {
  return place + view.getUint32(place, true);
}
