/**
 * How a promise is to be decided: what a person is asked, how many must agree, and what happens
 * while nobody does. Turns options into what the server takes; what they mean is its matter.
 */
import { type Duration, parseDuration } from "./duration.ts";
import type { Form, Payload, WritableState } from "./protocol.ts";

export interface AskedOptions {
  /**
   * What a person is asked, on the page of a link. Its `schema` makes the form, and binds everybody:
   * a value that does not fit it is an {@link InvalidValueError}.
   * @example
   * form: {
   *   title: "Pay 1,200 EUR?",
   *   schema: { type: "object", properties: { note: { type: "string", title: "Note" } } },
   * }
   */
  form?: Form;
  /** Who asks; shown to whom is asked. @example "bob@example.com" */
  requestedBy?: string;
  /**
   * Settled by several. Each `resolve` or `reject`, by link or by key, is then one vote of whom it
   * was made for; `cancel` still ends it at once.
   * @default one decides
   * @example quorum: { approvals: 2, voters: ["ada", "bob", "cy"] }
   */
  quorum?: QuorumOptions;
  /**
   * What happens while nobody settles it, in the order of time.
   * @example escalation: [{ after: "1d", extend: "1d" }, { after: "2d", settle: { state: "REJECTED" } }]
   */
  escalation?: EscalationOptions[];
}

export interface QuorumOptions {
  /** So many must resolve it. */
  approvals: number;
  /** Of so many who vote. @default the number of `voters`, else `approvals` */
  of?: number;
  /** Only these may vote, by the audience of their link or the name of their key. @default anybody */
  voters?: string[];
  /** Whether one refusal is enough to reject it. @default false */
  veto?: boolean;
  /** Whether `requestedBy` may not vote. @default false */
  excludeRequester?: boolean;
}

export interface EscalationOptions {
  /** How long after the creation of the promise. */
  after: Duration;
  /** Who is told: an `https://` URL, which gets the promise by POST, or `poll://any@group`. */
  notify?: string;
  /** By how much the deadline moves. */
  extend?: Duration;
  /** How the promise is settled; no step comes after. */
  settle?: { state: WritableState; value?: Payload<unknown> };
}

/** @throws TypeError or RangeError for durations that are none, showing what was received. */
export function askedBody(options: AskedOptions, now: number): object {
  const { form, requestedBy, quorum, escalation } = options;
  const ms = (duration: Duration | undefined, index: number, name: string) =>
    duration === undefined
      ? undefined
      : parseDuration(duration, `escalation[${index}].${name}`, now);
  const steps = escalation?.map(({ after, notify, extend, settle }, index) => ({
    after: ms(after, index, "after"),
    notify,
    extend: ms(extend, index, "extend"),
    settle,
  }));
  return { form, requestedBy, quorum, escalation: steps };
}
