/**
 * That something is going on, on a line of stderr that is gone when it is over. Only for terminals: a
 * log has no use for it.
 */
import { CLEAR_LINE, type Screen } from "./screen.ts";
import { cut } from "./table.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;
const [HIDE_CURSOR, SHOW_CURSOR] = ["\u001B[?25l", "\u001B[?25h"];

export interface Progress extends Disposable {
  /** What is going on; asked with every frame, for clocks run. */
  says: (text: () => string) => void;
}

/** Until it is disposed of. */
export function progress(screen: Screen): Progress {
  if (!screen.hasProgress) return { says: () => {}, [Symbol.dispose]: () => {} };
  let text: (() => string) | undefined;
  let frame = 0;
  screen.isBusy = true;
  screen.draw(HIDE_CURSOR);
  const draw = () => {
    const spinner = screen.styleNote("cyan", FRAMES[frame % FRAMES.length]!);
    const room = (process.stderr.columns || 80) - 3;
    screen.draw(`${CLEAR_LINE}${spinner} ${cut(text?.() ?? "", room)}`);
    frame += 1;
  };
  const timer = setInterval(draw, FRAME_MS);
  return {
    says: (next) => {
      text = next;
      draw();
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      screen.isBusy = false;
      screen.draw(CLEAR_LINE + SHOW_CURSOR);
    },
  };
}
