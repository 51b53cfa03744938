/**
 * Which regular expressions may come with a schema. The runtime's engine backtracks, so a hostile
 * pattern can take minutes on thirty characters. Here is decided, without running it, how many ways
 * there are at most to match a text of bounded length; above a limit the pattern is refused.
 * Knows nothing of schemas.
 */

export const PATTERN_LIMITS = {
  /** Of the pattern itself. */
  charactersMax: 200,
  /** Of a text that is matched against one; a longer text is refused unmatched. */
  textMax: 256,
  /** Measured: a million ways take well below a tenth of a second. */
  waysMax: 1_000_000,
} as const;

/** What is wrong with a pattern, to follow its name in a sentence. */
export function faultOfPattern(pattern: string, textMax: number): string | undefined {
  if (pattern.length > PATTERN_LIMITS.charactersMax) {
    return `must have ${PATTERN_LIMITS.charactersMax} characters at most`;
  }
  try {
    // The flag is JSON Schema's recommendation and what the validator sets. Run once, because only
    // then does V8 compile, and find it too large.
    RegExp(pattern, "u").test("");
  } catch {
    return "must be a regular expression";
  }
  if (/\(\?(?!:)|\\[1-9k]/.test(pattern)) {
    return "must not look ahead or behind, name groups or refer back";
  }
  const ways = countWays(pattern, Math.min(textMax, PATTERN_LIMITS.textMax));
  if (ways <= PATTERN_LIMITS.waysMax) return undefined;
  return (
    "could take too long on a hostile text: anchor it (^…$), set maxLength, " +
    "and use fewer open repetitions (*, +, ?, {m,n})"
  );
}

/**
 * An upper bound of the paths that a backtracking engine may try. A sequence multiplies, an
 * alternative adds, a repetition of something with `p` ways has p^min + … + p^max; a start that is
 * not anchored may be anywhere. The pattern is known to be well-formed.
 */
function countWays(pattern: string, textMax: number): number {
  let at = 0;
  let isSplit = false;
  /** Of groups by counts, all multiplied: `(?:(?:){256}){256}` has one way and 65,536 steps. */
  let copies = 1;

  /** Recursive over groups: as deep as the pattern has brackets, which its length bounds. */
  function alternatives(depth: number): number {
    let total = 0;
    let ways = 1;
    while (at < pattern.length && pattern[at] !== ")") {
      if (pattern[at] === "|") {
        at += 1;
        total += ways;
        ways = 1;
        if (depth === 0) isSplit = true;
      } else {
        const isGroup = pattern[at] === "(";
        ways *= repeated(atom(depth), isGroup);
      }
    }
    return total + ways;
  }

  function atom(depth: number): number {
    const [whole] = ATOM.exec(pattern.slice(at)) ?? [""];
    at += whole.length;
    if (whole !== "(" && whole !== "(?:") return 1;
    const ways = alternatives(depth + 1);
    at += 1;
    return ways;
  }

  function repeated(ways: number, isGroup: boolean): number {
    const [whole, sign, min, comma, max] = REPETITION.exec(pattern.slice(at)) ?? [""];
    if (whole === "") return ways;
    at += whole.length;
    if (sign === "?") return sumOfPowers(ways, 0, 1);
    if (sign === "*" || sign === "+") return sumOfPowers(ways, 0, textMax);
    const least = Number(min);
    if (isGroup) copies *= Math.max(least, 1);
    const most = comma === undefined ? least : max ? Number(max) : least + textMax;
    return sumOfPowers(ways, Math.min(least, textMax), Math.min(most, least + textMax));
  }

  const ways = alternatives(0);
  if (copies > COPIES_MAX) return Infinity;
  return pattern.startsWith("^") && !isSplit ? ways : ways * textMax;
}

const COPIES_MAX = 256;
const ATOM = /^(?:\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\.|\[(?:\\.|[^\]\\])*\]|\(\?:|[^])/su;
const REPETITION = /^(?:([?*+])|\{(\d+)(,)?(\d*)\})\??/;

function sumOfPowers(base: number, from: number, to: number): number {
  let sum = 0;
  for (let power = from; power <= to && sum <= PATTERN_LIMITS.waysMax; power += 1) {
    sum += base ** power;
  }
  return sum;
}
