import { signal } from "@preact/signals";

const said = signal({ text: "", turn: 0 });

/** Lets screen readers say `text` without moving anything; the same text twice is said twice. */
export function announce(text: string): void {
  said.value = { text, turn: said.value.turn + 1 };
}

/** Stands once on the page, always: what appears together with its region is not read. */
export function LiveRegion() {
  const { text, turn } = said.value;
  return (
    <div class="hidden-text" role="status">
      <span key={turn}>{text}</span>
    </div>
  );
}
