/** Making a link: for whom, what they may do, how long. Its URL is a secret, shown here and never again. */
import { useState } from "hono/jsx/dom";
import type { LinkAllow } from "../../../../../../client/src/links.ts";
import { promises } from "../api/promises.ts";
import { faultText } from "../format/fault.ts";
import { textOf } from "../format/form-text.ts";
import { CopyButton } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";

const KINDS: [LinkAllow, string][] = [
  ["choose", "Decide, on its page"],
  ["await", "Look, and wait"],
  ["callback", "Post a callback"],
];

export function LinkDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [url, setUrl] = useState<string | undefined>(undefined);
  const [fault, setFault] = useState<string | undefined>(undefined);

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const text = (name: string) => textOf(event, name);
    try {
      const made = await promises.links.create(id, {
        // SAFETY: one of the options below.
        allow: text("allow") as LinkAllow,
        expiresIn: text("expiresIn"),
        ...(text("audience") !== "" && { audience: text("audience") }),
        ...(text("note") !== "" && { note: text("note") }),
      });
      setUrl(made.url);
    } catch (error) {
      setFault(faultText(error));
    }
  }

  if (url !== undefined) {
    return (
      <Dialog title="The link" onClose={onClose}>
        <div class="dialog-body">
          <p>Who has this address can use it. It is shown here, and never again.</p>
          <div class="with-copy boxed">
            <code class="wrap">{url}</code>
            <CopyButton text={url} what="the link" />
          </div>
          <footer class="dialog-foot">
            <button type="button" class="button primary" autofocus onClick={onClose}>
              Done
            </button>
          </footer>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New link" onClose={onClose}>
      <form class="dialog-body" onSubmit={(event: Event) => void submit(event)}>
        <label class="field">
          <span>
            For whom <span class="faint">recorded with what they decide</span>
          </span>
          <input type="text" name="audience" maxlength={320} placeholder="ada@example.com" />
        </label>
        <div class="field-pair">
          <label class="field">
            <span>May</span>
            <select name="allow">
              {KINDS.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            <span>Good for</span>
            <select name="expiresIn">
              <option value="1d">1 day</option>
              <option value="7d" selected>
                7 days
              </option>
              <option value="30d">30 days</option>
            </select>
          </label>
        </div>
        <label class="field">
          <span>
            Note <span class="faint">shown on the page</span>
          </span>
          <input type="text" name="note" maxlength={1000} />
        </label>
        <div aria-live="polite">{fault !== undefined && <p class="field-fault">{fault}</p>}</div>
        <footer class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            Never mind
          </button>
          <button type="submit" class="button primary">
            Make it
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
