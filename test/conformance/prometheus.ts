/**
 * A strict reader of Prometheus' text format, version 0.0.4, after its specification
 * (prometheus.io, "Exposition formats"): whatever is not allowed there is an error here, and what it
 * leaves to good sense (a family in one piece, sums that are sums) too. It knows no metric of ours.
 */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Family {
  name: string;
  type: "counter" | "gauge" | "histogram";
  help: string;
  samples: Sample[];
}

const METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const VALUE = /^(?:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?Inf|NaN)$/;

/** @throws for a text that is not of the format, with the line */
export function parseMetrics(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  if (!text.endsWith("\n")) throw new Error("the last line must end with a line feed");
  let current: Partial<Family> & { name?: string } = {};
  for (const line of text.slice(0, -1).split("\n")) {
    const fault = (what: string) => new Error(`${what}: ${line}`);
    if (/[\r\0]/.test(line)) throw fault("a control character");
    if (line === "") throw fault("an empty line, where none is needed");
    const [, word, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (word === "HELP") {
      if (!METRIC.test(name)) throw fault("no name of a metric");
      if (families.has(name)) throw fault("a family in two pieces");
      if (/\\(?![\\n])/.test(rest)) throw fault("a bad escape");
      current = { name, help: rest };
    } else if (word === "TYPE") {
      if (name !== current.name || current.type) throw fault("a type out of place");
      if (!isType(rest)) throw fault("no type of ours");
      const family: Family = { name, help: current.help ?? "", type: rest, samples: [] };
      families.set(name, family);
      current = family;
    } else {
      if (line.startsWith("#")) throw fault("a comment that says nothing");
      const sample = sampleOf(line, fault);
      const family = families.get(current.name ?? "");
      if (!family || !belongs(sample, family)) throw fault("a sample of no family");
      const key = keyOf(sample);
      if (family.samples.some((other) => keyOf(other) === key)) throw fault("a series twice");
      family.samples.push(sample);
    }
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function isType(text: string): text is Family["type"] {
  return ["counter", "gauge", "histogram"].includes(text);
}

function sampleOf(line: string, fault: (what: string) => Error): Sample {
  const [, name = "", inBraces, valueText = ""] =
    /^([^\s{]+)(?:\{((?:[^"}]|"(?:[^"\\\n]|\\["\\n])*")*)\})? (\S+)$/.exec(line) ?? [];
  if (!METRIC.test(name)) throw fault("no sample");
  if (!VALUE.test(valueText)) throw fault("no value");
  const labels: Record<string, string> = {};
  if (inBraces !== undefined) {
    const pairs = [...inBraces.matchAll(/([^=,]+)="((?:[^"\\]|\\.)*)"(,|$)/g)];
    if (pairs.map(([whole]) => whole).join("") !== inBraces) throw fault("bad labels");
    for (const [, label = "", value = ""] of pairs) {
      if (!LABEL.test(label) || label.startsWith("__")) throw fault("no name of a label");
      if (Object.hasOwn(labels, label)) throw fault("a label twice");
      labels[label] = value.replaceAll(/\\(.)/g, (_, escaped: string) =>
        escaped === "n" ? "\n" : escaped,
      );
    }
  }
  return { name, labels, value: numberOf(valueText) };
}

function numberOf(text: string): number {
  return Number(text.replace(/Inf$/, "Infinity"));
}

function belongs({ name, labels }: Sample, family: Family): boolean {
  if (family.type !== "histogram") return name === family.name;
  if (name === `${family.name}_bucket`) return "le" in labels;
  return name === `${family.name}_sum` || name === `${family.name}_count`;
}

function keyOf({ name, labels }: Sample): string {
  return JSON.stringify([name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}

function checkFamily({ name, type, samples }: Family): void {
  if (samples.length === 0) throw new Error(`${name} has no sample`);
  const names = new Set(samples.map(({ labels }) => Object.keys(labels).toSorted().join(",")));
  if (type !== "histogram") {
    if (names.size > 1) throw new Error(`${name} has samples with different labels`);
    if (type === "counter" && !name.endsWith("_total")) throw new Error(`${name}: no total`);
    if (type === "counter" && samples.some(({ value }) => !(value >= 0))) {
      throw new Error(`${name} counts below nothing`);
    }
    return;
  }
  const buckets = samples.filter((sample) => sample.name.endsWith("_bucket"));
  const bounds = buckets.map(({ labels }) => numberOf(labels["le"] ?? ""));
  const counts = buckets.map(({ value }) => value);
  if (!isRising(bounds) || bounds.at(-1) !== Infinity) throw new Error(`${name}: bad bounds`);
  if (counts.some((count, at) => at > 0 && count < counts[at - 1]!)) {
    throw new Error(`${name} is not cumulative`);
  }
  const count = samples.find((sample) => sample.name.endsWith("_count"))?.value;
  if (count !== counts.at(-1)) throw new Error(`${name}_count is not that of all`);
  if (!samples.some((sample) => sample.name.endsWith("_sum"))) throw new Error(`${name}: no sum`);
}

function isRising(numbers: number[]): boolean {
  return numbers.every((number, at) => at === 0 || number > numbers[at - 1]!);
}
