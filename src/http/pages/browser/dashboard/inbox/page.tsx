/** Not yet. */
export function InboxPage(_: { search?: string }) {
  return (
    <div class="page">
      <h1>Inbox</h1>
    </div>
  );
}
