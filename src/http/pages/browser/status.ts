/**
 * Keeps the status page live: follows the promise at the page's own address and lets the server draw
 * the page again when something happened. Knows no state and draws nothing itself.
 */
const events = new EventSource(location.href);

/** Where there is no promise yet, there is no tag. */
let shown = document.body.dataset["etag"] ?? "";

for (const type of ["absent", "pending", "settled", "disposed"]) {
  events.addEventListener(type, ({ lastEventId }: MessageEvent) => {
    // Of what is pending there can be news: a vote, another deadline.
    if (type !== "disposed" && lastEventId === shown) return;
    shown = lastEventId;
    if (type === "settled" || type === "disposed") events.close();
    void draw();
  });
}

async function draw(): Promise<void> {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  // The status line is kept and only its words change, so that a screen reader speaks them.
  const line = document.querySelector("[role=status]");
  const words = page.querySelector("[role=status]");
  if (line && words) {
    line.textContent = words.textContent;
    words.replaceWith(line);
  }
  document.title = page.title;
  document.body.dataset["state"] = page.body.dataset["state"] ?? "";
  document.querySelector("main")?.replaceWith(document.adoptNode(page.querySelector("main")!));
}
