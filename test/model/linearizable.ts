// Whether a history of overlapping operations can be explained by some order of whole steps: the
// search of Wing and Gong with Lowe's memory of what was already tried. It knows nothing of what it
// judges but a `Machine`. An operation without a known outcome may have happened at any time after
// it was asked, even after everything else, or never; a machine may also take steps of its own.

export interface Operation<Request, Response> {
  client: number;
  /** Both instants are numbers of one count, so that no two are the same. */
  invokedAt: number;
  request: Request;
  /** Absent when nobody knows what came of it. */
  returned?: { at: number; response: Response };
}

export interface Machine<State, Request, Response> {
  initial: State;
  /** Two states with one key have one future. */
  keyOf: (state: State) => string;
  /** The state afterwards; undefined when here nothing could have answered so. */
  apply: (state: State, request: Request, response: Response | undefined) => State | undefined;
  /** Whether what was answered so changes nothing, in whatever state. */
  isRead: (request: Request, response: Response) => boolean;
  /** Where the machine can go without being asked. */
  moves: (state: State) => State[];
}

/** An order that explains the history, as places in it; or the longest that explains its beginning. */
export interface Verdict {
  isLinearizable: boolean;
  order: number[];
}

/** More is no longer a test but a search for its own sake; say so instead of running for an hour. */
const POSITIONS_MAX = 300_000;

export function linearize<State, Request, Response>(
  machine: Machine<State, Request, Response>,
  history: Operation<Request, Response>[],
  positionsMax = POSITIONS_MAX,
): Verdict {
  const tried = new Set<string>();
  const order: number[] = [];
  let longest: number[] = [];

  const visit = (done: bigint, state: State): boolean => {
    const open = openOf(history, done);
    if (open.isOver) return true;
    const key = machine.keyOf(state);
    const position = `${done.toString(36)} ${key}`;
    if (tried.has(position)) return false;
    if (tried.add(position).size > positionsMax) throw new Error("too many positions to decide");
    if (order.length > longest.length) longest = [...order];

    const next = open.places.flatMap((place) => {
      const { request, returned } = history[place]!;
      const after = machine.apply(state, request, returned?.response);
      const isRead = returned !== undefined && machine.isRead(request, returned.response);
      // Of unknown outcome and without a trace: as good as never.
      const isNaught = !returned && after !== undefined && machine.keyOf(after) === key;
      return after === undefined || isNaught ? [] : [{ place, after, isRead }];
    });
    // A read that fits now may as well be now: whatever explains the rest still does.
    const read = next.find(({ isRead }) => isRead);
    for (const { place, after } of read ? [read] : next) {
      order.push(place);
      if (visit(done | (1n << BigInt(place)), after)) return true;
      order.pop();
    }
    return read === undefined && machine.moves(state).some((moved) => visit(done, moved));
  };

  const isLinearizable = visit(0n, machine.initial);
  return { isLinearizable, order: isLinearizable ? order : longest };
}

/** The operations that may come next: those asked before any that are missing was answered. */
function openOf<Request, Response>(
  history: Operation<Request, Response>[],
  done: bigint,
): { places: number[]; isOver: boolean } {
  const missing = [...history.keys()].filter((place) => ((done >> BigInt(place)) & 1n) === 0n);
  const answered = missing.map((place) => history[place]!.returned?.at ?? Infinity);
  const horizon = Math.min(...answered);
  const places = missing.filter((place) => history[place]!.invokedAt < horizon);
  return { places, isOver: horizon === Infinity };
}

/**
 * What is left of a history that no order explains when all is taken off that it does not need to
 * be impossible: its end, and reads. Taking off what may have changed something would prove nothing.
 */
export function minimize<State, Request, Response>(
  machine: Machine<State, Request, Response>,
  history: Operation<Request, Response>[],
): Operation<Request, Response>[] {
  const fails = (some: Operation<Request, Response>[]): boolean =>
    !linearize(machine, some).isLinearizable;
  const ends = history.flatMap(({ returned }) => returned?.at ?? []).toSorted((a, b) => a - b);
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fails(until(history, ends[middle] ?? 0))) high = middle;
    else low = middle + 1;
  }
  let least = until(history, ends[low] ?? Infinity);
  for (const operation of least) {
    const { request, returned } = operation;
    if (!returned || !machine.isRead(request, returned.response)) continue;
    const fewer = least.filter((other) => other !== operation);
    if (fails(fewer)) least = fewer;
  }
  return least;
}

/** The history as it stood at an instant: what was not answered by then is of unknown outcome. */
function until<Request, Response>(
  history: Operation<Request, Response>[],
  at: number,
): Operation<Request, Response>[] {
  const asked = history.filter(({ invokedAt }) => invokedAt < at);
  return asked.map((operation) => {
    if ((operation.returned?.at ?? 0) <= at) return operation;
    const { returned: _, ...unknown } = operation;
    return unknown;
  });
}
