/** What a person is asked, as the page of a link shows it: its words and the facts to decide by. */
import type { Form } from "../../../../../../client/src/protocol.ts";
import { Markdown } from "../../../markdown.tsx";

export function AskedPanel({ form: { description, details = [] } }: { form: Form }) {
  if (description === undefined && details.length === 0) return null;
  return (
    <section class="panel">
      <h2>What is asked</h2>
      {description !== undefined && <Markdown text={description} />}
      {details.length > 0 && (
        <dl class="facts">
          {details.map(({ label, value }, index) => (
            <div class="fact" key={index}>
              <dt dir="auto">{label}</dt>
              <dd dir="auto">{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
