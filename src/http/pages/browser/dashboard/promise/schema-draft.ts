/**
 * A first draft of a value that fits the schema of a form: its defaults, else the emptiest value of
 * each kind, of what must be there. Pure; whether a value fits is the server's matter.
 */
type Schema = { [key: string]: unknown };

/** Deeper ones are drawn empty: nobody fills such a form by hand. */
const DEPTH_MAX = 6;

export function draftOf(schema: Schema, depth = 0): unknown {
  if ("default" in schema) return schema["default"];
  if ("const" in schema) return schema["const"];
  const choices = schema["enum"];
  if (Array.isArray(choices)) return choices[0] as unknown;
  switch (typeOf(schema)) {
    case "object":
      return depth < DEPTH_MAX ? objectOf(schema, depth) : {};
    case "array":
      return [];
    case "integer":
    case "number":
      return typeof schema["minimum"] === "number" ? schema["minimum"] : 0;
    case "boolean":
      return false;
    case "string":
      return "";
    case undefined:
    default:
      return null;
  }
}

/** What a form asks, a line each: its name, its kind, whether it must be there. */
export function fieldsOf(
  schema: Schema,
): { name: string; kind: string; label: string; isRequired: boolean }[] {
  const required = Array.isArray(schema["required"]) ? (schema["required"] as unknown[]) : [];
  return Object.entries(propertiesOf(schema)).map(([name, property]) => ({
    name,
    kind: kindOf(property),
    label: typeof property["title"] === "string" ? property["title"] : "",
    isRequired: required.includes(name),
  }));
}

function objectOf(schema: Schema, depth: number): Schema {
  const required = Array.isArray(schema["required"]) ? (schema["required"] as unknown[]) : [];
  const drafted = Object.entries(propertiesOf(schema))
    .filter(([name, property]) => required.includes(name) || "default" in property)
    .map(([name, property]) => [name, draftOf(property, depth + 1)]);
  return Object.fromEntries(drafted) as Schema;
}

function kindOf(property: Schema): string {
  const choices = property["enum"];
  if (Array.isArray(choices)) return choices.map((choice) => JSON.stringify(choice)).join(" | ");
  const { minimum, maximum } = property as { minimum?: number; maximum?: number };
  const bounds =
    minimum === undefined && maximum === undefined ? "" : ` ${minimum ?? "…"} to ${maximum ?? "…"}`;
  return `${typeOf(property) ?? "any"}${bounds}`;
}

function typeOf(schema: Schema): string | undefined {
  const type = Array.isArray(schema["type"]) ? (schema["type"][0] as unknown) : schema["type"];
  if (typeof type === "string") return type;
  return "properties" in schema ? "object" : undefined;
}

function propertiesOf(schema: Schema): Record<string, Schema> {
  const properties = schema["properties"];
  return typeof properties === "object" && properties !== null
    ? (properties as Record<string, Schema>)
    : {};
}
