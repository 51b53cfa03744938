/** An id as it reads: its last part plain, what leads to it quiet; it may break at slashes. */

export function IdText({ id }: { id: string }) {
  const cut = id.lastIndexOf("/") + 1;
  return (
    <span class="id" dir="auto">
      {cut > 0 && <span class="id-path">{id.slice(0, cut)}</span>}
      <span>{id.slice(cut)}</span>
    </span>
  );
}
