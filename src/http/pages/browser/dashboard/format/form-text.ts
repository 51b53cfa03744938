/** The text of a field of a form that was sent; a file, which no form here has, would be none. */

export function textOf(event: Event, name: string): string {
  const field =
    event.target instanceof HTMLFormElement ? new FormData(event.target).get(name) : null;
  return typeof field === "string" ? field.trim() : "";
}
