/**
 * A page that uses the hook as an app would, in StrictMode, for react.test.ts to look at: two
 * components on one promise, a button each to mount and unmount them, and a boundary around one that
 * throws what was rejected. Says in `globalThis.seen` what it saw.
 */
import { Component, createElement, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { DurablePromises } from "../../../client/src/index.ts";
import { usePromise } from "../../../client/src/react.ts";

declare const document: { getElementById(id: string): unknown };

const page = globalThis as unknown as {
  location: { search: string };
  seen: { renders: number; unhandled: string[] };
  addEventListener(type: string, listener: (event: { reason?: unknown }) => void): void;
};
const query = new URLSearchParams(page.location.search);
const url = query.get("server") ?? "";
const id = query.get("id") ?? "";
const throwing = query.has("throwing");
// Without sockets where the test asks for it: every request of a long poll is seen by it.
const options = query.has("polling")
  ? { client: new DurablePromises({ url, WebSocket: false }) }
  : { url };

page.seen = { renders: 0, unhandled: [] };
page.addEventListener("unhandledrejection", ({ reason }) => {
  page.seen.unhandled.push(String(reason));
});

function Approval({ name }: { name: string }) {
  page.seen.renders += 1;
  const used = usePromise<{ by: string }>(id, options);
  const { status, value, record, error, settling, resolve, reject } = used;
  if (throwing && status === "rejected") throw error;
  return createElement(
    "section",
    { "data-testid": name, "data-settling": String(settling) },
    createElement("output", null, [status, record?.id, value?.by, messageOf(error)].join("|")),
    createElement(
      "button",
      click(() => resolve({ by: name })),
      `approve ${name}`,
    ),
    createElement(
      "button",
      click(() => reject(new Error(`${name} says no`))),
      `refuse ${name}`,
    ),
  );
}

function click(act: () => Promise<unknown>): { onClick: () => void } {
  return { onClick: () => void act() };
}

function messageOf(error: unknown): string | undefined {
  return error instanceof Error ? error.message : undefined;
}

class Boundary extends Component<{ children: unknown }, { caught?: unknown }> {
  override state: { caught?: unknown } = {};

  static getDerivedStateFromError(caught: unknown): { caught: unknown } {
    return { caught };
  }

  render() {
    const { caught } = this.state;
    if (caught === undefined) return this.props.children;
    const retry = { onClick: () => this.setState({ caught: undefined }) };
    return createElement("button", retry, `caught ${messageOf(caught)}`);
  }
}

function App() {
  const [mounted, setMounted] = useState(true);
  const children = mounted
    ? ["ada", "bob"].map((name) =>
        createElement(Boundary, { key: name }, createElement(Approval, { name })),
      )
    : [];
  return createElement(
    "main",
    null,
    createElement("button", { onClick: () => setMounted(!mounted) }, "toggle"),
    children,
  );
}

const root = createRoot(document.getElementById("root"));
root.render(createElement(StrictMode, null, createElement(App)));
