/** What the schema of a form asks, in a line for each field, beside the editor of the value. */
import { fieldsOf } from "./schema-draft.ts";

export function SchemaHelp({ schema }: { schema: { [key: string]: unknown } }) {
  const fields = fieldsOf(schema);
  if (fields.length === 0) return null;
  return (
    <dl class="schema">
      {fields.map(({ name, kind, label, isRequired }) => (
        <div key={name}>
          <dt>
            <code>{name}</code>
            {isRequired && <span class="required">required</span>}
          </dt>
          <dd>
            <span class="mono">{kind}</span>
            {label && <span class="quiet"> {label}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
