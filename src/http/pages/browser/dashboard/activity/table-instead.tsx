/** The figures of a chart as a table, for who cannot see it or wants them exact. */

interface TableInstead {
  caption: string;
  heads: string[];
  /** The first cell names the row. */
  rows: string[][];
}

export function TableInstead({ caption, heads, rows }: TableInstead) {
  return (
    <details class="instead">
      <summary>As a table</summary>
      <div class="table-wrap" tabindex={0} role="region" aria-label={caption}>
        <table class="table">
          <caption class="unseen">{caption}</caption>
          <thead>
            <tr>
              {heads.map((head, index) => (
                <th scope="col" key={head} class={index > 0 ? "num" : undefined}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.length === 0 && (
              <tr>
                <td colspan={heads.length} class="quiet">
                  Nothing happened.
                </td>
              </tr>
            )}
            {rows.map(([name, ...cells]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {cells.map((cell, index) => (
                  <td class="num" key={index}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
