/** The icons, drawn with strokes of the text's own colour. Never the only bearer of a meaning. */

const PATHS = {
  inbox: "M2.5 9.5h3l1 2h3l1-2h3M2.5 9.5v3h11v-3M2.5 9.5l2-6h7l2 6",
  clock: "M8 4.5V8l2.5 1.5M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0",
  workers: "M3 3h10v4H3zM3 9h10v4H3zM5.5 5h.01M5.5 11h.01",
  webhook:
    "M7 5.5 4.9 9.2M8.9 5.6l2 3.5M6.2 10.9h3.6M8 6.2a2 2 0 1 0 0-4 2 2 0 0 0 0 4M4 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4M12 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4",
  activity: "M1.5 8.5h3l2-5.5 3 10 2-4.5h3",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10M10.6 10.6 14 14",
  pending: "M8 3v0M8 13a5 5 0 1 0 0-10 5 5 0 0 0 0 10",
  resolved: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0M5.3 8.2l1.9 1.9 3.6-3.9",
  rejected: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0M6 6l4 4M10 6l-4 4",
  canceled: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0M4 12 12 4",
  timedout: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0M8 5v3.5M8 11h.01",
  check: "M3 8.5 6.5 12 13 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  chevron: "M6 3.5 10.5 8 6 12.5",
  down: "M3.5 6 8 10.5 12.5 6",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  link: "M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.3 4.3L11.3 8.8M9 11.5l-1.5 1.5a3 3 0 0 1-4.3-4.3l1.5-1.5",
  plus: "M8 3v10M3 8h10",
  play: "M5 3.5 12 8l-7 4.5z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  trash: "M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.5 9h6l.5-9",
  refresh: "M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 2v3h-3",
  extend: "M8 4.5V8l2 1.2M13.9 9A6 6 0 1 1 14 7M12 13h4M14 11v4",
  signOut: "M6.5 2.5h-4v11h4M6.5 8h7M11 5.5 13.5 8 11 10.5",
  book: "M3 3h4a2 2 0 0 1 1 .5A2 2 0 0 1 9 3h4v9.5H9.5L8 13.3l-1.5-.8H3zM8 3.5v9.5",
  keyboard: "M1.5 4h13v8h-13zM4 6.5h.01M6.7 6.5h.01M9.3 6.5h.01M12 6.5h.01M5 9.5h6",
  star: "M8 2.2l1.7 3.7 4 .4-3 2.7.9 4L8 11l-3.6 2 .9-4-3-2.7 4-.4z",
  sort: "M5 3v10M2.5 10.5 5 13l2.5-2.5M11 13V3M8.5 5.5 11 3l2.5 2.5",
  person: "M8 8a2.7 2.7 0 1 0 0-5.4A2.7 2.7 0 0 0 8 8M2.8 13.8a5.2 5.2 0 0 1 10.4 0",
  receipt: "M3.5 2h9v12l-2.2-1.4L8 14l-2.3-1.4L3.5 14zM6 5.5h4M6 8.5h4",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
