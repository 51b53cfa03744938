/** Not yet. */
export function ActivityPage(_: { search?: string }) {
  return (
    <div class="page">
      <h1>Activity</h1>
    </div>
  );
}
