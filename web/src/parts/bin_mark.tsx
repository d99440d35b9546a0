import { inkOn } from "../guide/ink.ts";

const DRAWINGS = import.meta.glob<string>("../../../mobile_models/bin_symbols/*.svg", {
  query: "?raw",
  import: "default",
  eager: true,
});
const SYMBOLS = new Map(
  Object.entries(DRAWINGS).map(([path, drawing]) => [path.replace(/^.*\/|\.svg$/g, ""), drawing] as const),
);

/**
 * The symbol of a bin, in the ink that stands out from the bin's colour. A guide from the future may name a symbol that
 * this app does not have; then colour and words remain.
 */
export function BinSymbol({ symbol }: { readonly symbol: string }) {
  return (
    <span
      class="bin-symbol"
      aria-hidden="true"
      // Our own drawings, put in by the build: nothing of a guide is ever read as markup.
      dangerouslySetInnerHTML={{ __html: SYMBOLS.get(symbol) ?? "" }}
    />
  );
}

/** The bin as a small sign: colour and symbol. Its name must stand beside it. */
export function BinMark({ colour, symbol }: { readonly colour: string; readonly symbol: string }) {
  return (
    <span class="bin-mark" style={{ backgroundColor: colour, color: inkOn(colour) }}>
      <BinSymbol symbol={symbol} />
    </span>
  );
}
