/**
 * The tags of a promise as chips: somebody's own first, then those by which machines find their way.
 * Of many, as many as there is room for, and how many more.
 */

interface Tags {
  tags: Record<string, string>;
  max?: number;
}

export function TagChips({ tags, max = Number.POSITIVE_INFINITY }: Tags) {
  const entries = Object.entries(tags).toSorted(
    ([a], [b]) => Number(isOfMachine(a)) - Number(isOfMachine(b)),
  );
  const hidden = entries.slice(max);
  return (
    <span class="chips">
      {entries.slice(0, max).map(([key, value]) => (
        <span class="chip" key={key} title={`${key}: ${value}`}>
          <span class="chip-key">{key}</span>
          <span class="chip-value">{value}</span>
        </span>
      ))}
      {hidden.length > 0 && (
        <span class="chip more" title={hidden.map((pair) => pair.join(": ")).join("\n")}>
          +{hidden.length}
        </span>
      )}
    </span>
  );
}

function isOfMachine(key: string): boolean {
  return key.startsWith("resonate:");
}
