/**
 * The tags of a promise as chips, of many as many as there is room for. Those by which machines find
 * their way (`resonate:…`) are for the promise's own page.
 */

interface Tags {
  tags: Record<string, string>;
  max?: number;
}

export function TagChips({ tags, max = Number.POSITIVE_INFINITY }: Tags) {
  const entries = Object.entries(tags).filter(([key]) => !key.startsWith("resonate:"));
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
