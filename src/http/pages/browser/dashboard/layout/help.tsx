/** Which keys do what, in a dialog. */
import { Dialog } from "../parts/dialog.tsx";
import { SECTIONS } from "../places.ts";
import { SECTION_KEYS } from "./shortcuts.ts";

const LIST_KEYS: [string[], string][] = [
  [["j", "↓"], "Next promise"],
  [["k", "↑"], "The one before"],
  [["Enter"], "Open it"],
  [["/"], "Search"],
  [["Esc"], "Leave the search"],
  [["Home"], "First"],
  [["End"], "Last"],
];

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div class="dialog-body shortcuts">
        <section>
          <h3>In the inbox</h3>
          <dl>
            {LIST_KEYS.map(([keys, does]) => (
              <div key={does}>
                <dt>{does}</dt>
                <dd>
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dd>
              </div>
            ))}
          </dl>
        </section>
        <section>
          <h3>Everywhere</h3>
          <dl>
            {SECTIONS.map(({ page, name }) => (
              <div key={page}>
                <dt>{name}</dt>
                <dd>
                  <kbd>g</kbd>
                  <kbd>{SECTION_KEYS[page]}</kbd>
                </dd>
              </div>
            ))}
            <div>
              <dt>This help</dt>
              <dd>
                <kbd>?</kbd>
              </dd>
            </div>
          </dl>
        </section>
      </div>
    </Dialog>
  );
}
