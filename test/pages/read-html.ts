/**
 * What a browser makes of our own HTML, as far as forms go: which controls there are, what is in
 * them, and the body that the form is sent with. Reads only what hono writes (every `<`, `>` and
 * quote of a text is escaped); the real browser has the last word in test/browser.
 */
const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/** HTML, 4.10.21: the entry list of the form, its line breaks as CR LF. */
export function submittedBody(page: string): URLSearchParams {
  const body = new URLSearchParams();
  for (const [name, value] of controlsOf(page)) {
    body.append(toCrLf(name), toCrLf(value));
  }
  return body;
}

const CONTROL =
  /<input(?<input>[^>]*)\/>|<textarea(?<area>[^>]*)>(?<text>[^<]*)<\/textarea>|<select(?<select>[^>]*)>(?<options>.*?)<\/select>/gs;

function controlsOf(page: string): [string, string][] {
  return Array.from(page.matchAll(CONTROL)).flatMap(({ groups = {} }): [string, string][] => {
    if (groups["select"] !== undefined) {
      const options = Array.from(
        (groups["options"] ?? "").matchAll(/<option([^>]*)>/g),
        ([, each]) => attributesOf(each ?? ""),
      );
      const chosen = options.find((option) => option.has("selected")) ?? options[0];
      return [[attributesOf(groups["select"]).get("name") ?? "", chosen?.get("value") ?? ""]];
    }
    if (groups["area"] !== undefined) {
      // The parser drops the first line break.
      const text = decode(groups["text"] ?? "").replace(/^\n/, "");
      return [[attributesOf(groups["area"]).get("name") ?? "", text]];
    }
    const input = attributesOf(groups["input"] ?? "");
    const isBox = input.get("type") === "checkbox" || input.get("type") === "radio";
    if (isBox && !input.has("checked")) return [];
    return [[input.get("name") ?? "", sanitized(input)]];
  });
}

/** What a control does to its value before anybody sees it. HTML, 4.10.5.1. */
function sanitized(input: Map<string, string>): string {
  const value = input.get("value") ?? "";
  switch (input.get("type") ?? "text") {
    case "text":
      return value.replaceAll(/[\r\n]/g, "");
    case "email":
    case "url":
      return value.replaceAll(/[\r\n]/g, "").trim();
    case "date":
      return /^\d{4}-\d\d-\d\d$/.test(value) ? value : "";
    case "datetime-local":
      return /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?$/.test(value) ? value : "";
    case "number":
      return /^-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(value) ? value : "";
    default:
      return value;
  }
}

function attributesOf(text: string): Map<string, string> {
  return new Map(
    Array.from(text.matchAll(/([\w-]+)="([^"]*)"/g), ([, name, value]) => [
      name ?? "",
      decode(value ?? ""),
    ]),
  );
}

function decode(text: string): string {
  return text.replaceAll(/&([a-z]+|#39);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}

function toCrLf(text: string): string {
  return text.replaceAll(/\r\n|\r|\n/g, "\r\n");
}
