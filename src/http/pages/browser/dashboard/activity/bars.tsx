/** A histogram that is a table by itself: a name, a bar, a number in each row. */

interface Bars {
  caption: string;
  rows: { name: string; count: number; href?: string }[];
}

export function Bars({ caption, rows }: Bars) {
  const most = Math.max(1, ...rows.map(({ count }) => count));
  return (
    <table class="bars">
      <caption class="unseen">{caption}</caption>
      <thead class="unseen">
        <tr>
          <th scope="col">How long</th>
          <th scope="col">How many</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, count, href }) => (
          <tr key={name}>
            <th scope="row">
              {href !== undefined && count > 0 ? <a href={href}>{name}</a> : name}
            </th>
            <td>
              <span
                class="bar"
                hidden={count === 0}
                style={{ width: `${(count / most) * 100}%` }}
                aria-hidden="true"
              />
              <span class={count === 0 ? "number faint" : "number"}>{count.toLocaleString()}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
