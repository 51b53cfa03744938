/** Does something a little later, once, however often it was wanted meanwhile: news comes in bursts. */

export class Soon {
  readonly #act: () => void;
  readonly #ms: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(act: () => void, ms: number) {
    this.#act = act;
    this.#ms = ms;
  }

  want(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#act();
    }, this.#ms);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
