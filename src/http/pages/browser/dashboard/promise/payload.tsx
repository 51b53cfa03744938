/** What was asked, or answered: its data to the letter, and its headers where there are some. */
import type { Payload } from "../../../../../../client/src/protocol.ts";
import { textAt } from "../format/json-text.ts";
import { JsonView } from "../parts/json-view.tsx";

interface PayloadPanel {
  title: string;
  /** The record, as text. */
  text: string;
  field: "param" | "value";
  payload: Payload;
}

export function PayloadPanel({ title, text, field, payload }: PayloadPanel) {
  const data = textAt(text, [field, "data"]);
  const headers = Object.entries(payload.headers ?? {});
  if (field === "param" && data === undefined && headers.length === 0) return null;
  return (
    <section class="panel">
      <h2>{title}</h2>
      {data === undefined ? (
        <p class="quiet">No data.</p>
      ) : (
        <JsonView text={data} what={`the ${field}`} />
      )}
      {headers.length > 0 && (
        <dl class="headers">
          {headers.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
