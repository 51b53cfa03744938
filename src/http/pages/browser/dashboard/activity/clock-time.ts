/** The time of day on an axis: `14:05`. */
export function clockTime(at: number | undefined): string {
  if (at === undefined) return "";
  return new Intl.DateTimeFormat(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).format(at);
}
