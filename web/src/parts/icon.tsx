/** Drawn like the symbols of the bins: 24 by 24, lines of the text's colour. */
const DRAWINGS = {
  back: "M15 5l-7 7 7 7",
  camera:
    "M4 8h3.5l1.5-2.5h6l1.5 2.5h3.5a1 1 0 0 1 1 1v9.5a1 1 0 0 1-1 1h-16a1 1 0 0 1-1-1v-9.5a1 1 0 0 1 1-1zM12 17a3.7 3.7 0 1 0 0-7.4 3.7 3.7 0 0 0 0 7.4z",
  check: "M4.5 12.5l5 5 10-11",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2",
  close: "M6 6l12 12M18 6l-12 12",
  cover: "M4 4h16v16h-16zM4 14l10-10M4 20l16-16M10 20l10-10",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  eye: "M2.5 12c2.5-4.5 5.7-6.5 9.5-6.5s7 2 9.5 6.5c-2.5 4.5-5.7 6.5-9.5 6.5s-7-2-9.5-6.5zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5.5M12 7.6v.3",
  light: "M13 2.5l-8 11h6l-1 8 8-11h-6z",
  lock: "M6 10.5h12v10h-12zM8.5 10.5v-3.5a3.5 3.5 0 0 1 7 0v3.5M12 14.5v2.5",
  minus: "M5 12h14",
  model: "M7 7h10v10h-10zM10 3.5v3.5M14 3.5v3.5M10 17v3.5M14 17v3.5M3.5 10h3.5M3.5 14h3.5M17 10h3.5M17 14h3.5",
  next: "M9 5l7 7-7 7",
  offline:
    "M3 3l18 18M8.5 15.5a5 5 0 0 1 6.5-.4M5.2 12a10 10 0 0 1 4-2.3M13.5 9.2a10 10 0 0 1 5.3 2.8M2 8.5a15 15 0 0 1 4-2.6M10.5 5a15 15 0 0 1 11.5 3.5M12 19.2v.1",
  phone:
    "M8 2.5h8a1.5 1.5 0 0 1 1.5 1.5v16a1.5 1.5 0 0 1-1.5 1.5h-8a1.5 1.5 0 0 1-1.5-1.5v-16a1.5 1.5 0 0 1 1.5-1.5zM11 18.5h2",
  picture: "M3.5 5h17v14h-17zM3.5 16l5-5 4.5 4.5 2.5-2.5 5 5M15.5 9.5v.1",
  pictures: "M6.5 3.5h14v12h-14zM3.5 7.5v12.5h14M6.5 13l4-4 4 4 2-2 4 4",
  place:
    "M12 21.5c4.3-4.6 6.5-8.3 6.5-11.5a6.5 6.5 0 0 0-13 0c0 3.2 2.2 6.9 6.5 11.5zM12 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  plus: "M12 5v14M5 12h14",
  question: "M8.5 8.5a3.5 3.5 0 1 1 5.5 2.9c-1.3.9-2 1.6-2 3.1M12 18.4v.3",
  retry: "M19.5 12a7.5 7.5 0 1 1-2.5-5.6M19.5 3.5v4.5h-4.5",
  search: "M10.5 17.5a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM15.7 15.7l5 5",
  send: "M3.5 11.5l17-8-5.5 17-3.5-7zM11.5 13.5l4-4.5",
  settings:
    "M4 7h9M17.5 7h2.5M4 17h2.5M11 17h9M15.25 9.25a2.25 2.25 0 1 0 0-4.5 2.25 2.25 0 0 0 0 4.5zM8.75 19.25a2.25 2.25 0 1 0 0-4.5 2.25 2.25 0 0 0 0 4.5z",
  trash: "M4.5 6.5h15M9.5 6.5v-3h5v3M6.5 6.5l1 14h9l1-14M10 10.5v6M14 10.5v6",
  undo: "M8.5 5l-5 5 5 5M3.5 10h10.5a5.5 5.5 0 0 1 0 11h-4",
  warning: "M12 3.5l9.5 17h-19zM12 10v5M12 17.6v.3",
  wifi: "M2 8.5a15 15 0 0 1 20 0M5.2 12a10 10 0 0 1 13.6 0M8.5 15.5a5 5 0 0 1 7 0M12 19.2v.1",
} as const satisfies Readonly<Record<string, string>>;

export type IconName = keyof typeof DRAWINGS;

/** A drawing beside words, which say the same: screen readers pass over it. `size` in rem. */
export function Icon({ name, size = 1.5 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width={`${size}rem`}
      height={`${size}rem`}
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={DRAWINGS[name]} />
    </svg>
  );
}
