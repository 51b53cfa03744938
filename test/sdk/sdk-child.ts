/**
 * A process with Resonate's own SDK in it: a worker, a caller, or both. Takes orders from the test
 * that started it (sdk-process.ts) and hands back what the SDK answers; it adds nothing.
 *
 *     node sdk-child.ts <settings as JSON>
 */
import {
  Constant,
  Linear,
  Never,
  Resonate,
  type Logger,
  type ResonateHandle,
} from "@resonatehq/sdk";
import { FUNCTIONS, type Home, VERSIONS } from "./workflows.ts";

export interface Settings extends Home {
  url: string;
  /** What it registers. @default everything */
  functions?: string[];
  pid?: string;
  ttl?: number;
  token?: string;
}

/** Of the SDK's options those that travel as JSON. */
export interface Options {
  target?: string;
  version?: number;
  timeout?: number;
  retry?: { type: "constant" | "linear" | "never"; delay?: number; maxRetries?: number };
}

/** One call of the SDK. */
export interface Order {
  method: keyof typeof METHODS;
  id: string;
  /** Of the function. */
  name?: string;
  args?: unknown[];
  options?: Options;
  cron?: string;
  /** What a promise is settled with. */
  value?: unknown;
  /** Of a handle that was handed out. */
  handle?: number;
}

export type Report =
  | { connected: true }
  | { number: number; value?: unknown }
  | { number: number; error: { name: string; message: string } };

// SAFETY: the test wrote it (sdk-process.ts).
const { url, pid, ttl, token, ...given } = JSON.parse(process.argv[2]!) as Settings;
const { functions = [...Object.keys(FUNCTIONS), "which"], ...home } = given;

const logger: Logger = {
  debug() {},
  info(_, message) {
    if (/^adapter (re)?connected$/.test(message)) report({ connected: true });
  },
  // To be seen with SDK_LOG=1: most tests here make it complain.
  warn: (fields, message) => console.error(message, JSON.stringify(fields)),
  error: (fields, message) => console.error(message, JSON.stringify(fields)),
};

const resonate = new Resonate({
  url,
  group: home.group,
  logger,
  ...(pid !== undefined && { pid }),
  ...(ttl !== undefined && { ttl }),
  ...(token !== undefined && { token }),
});
resonate.setDependency("home", home satisfies Home);
for (const name of functions) {
  // Two functions of one name.
  if (name !== "which") resonate.register(name, functionOf(name));
  else VERSIONS.forEach((func, index) => resonate.register(name, func, { version: index + 1 }));
}

const handles: ResonateHandle<unknown>[] = [];

const METHODS = {
  run: ({ id, name, args, options }: Called) =>
    resonate.run<unknown>(id, FUNCTIONS[name] ?? name, ...args, optionsOf(options)),
  beginRun: async ({ id, name, args, options }: Called) =>
    kept(await resonate.beginRun(id, FUNCTIONS[name] ?? name, ...args, optionsOf(options))),
  rpc: ({ id, name, args, options }: Called) => resonate.rpc(id, name, ...args, optionsOf(options)),
  beginRpc: async ({ id, name, args, options }: Called) =>
    kept(await resonate.beginRpc<unknown>(id, name, ...args, optionsOf(options))),
  get: async ({ id }: Called) => kept(await resonate.get<unknown>(id)),
  result: ({ handle }: Called) => handles[handle]!.result(),
  done: ({ handle }: Called) => handles[handle]!.done(),
  resolve: ({ id, value }: Called) => resonate.promises.resolve(id, encoded(value)),
  reject: ({ id, value }: Called) => resonate.promises.reject(id, encoded(value)),
  cancel: ({ id }: Called) => resonate.promises.cancel(id),
  create: ({ id, options }: Called) =>
    resonate.promises.create(id, Date.now() + (options.timeout ?? 60_000), {
      tags: { "resonate:external": "true" },
    }),
  schedule: async ({ id, cron, name, args, options }: Called) => {
    await resonate.schedule(id, cron, name, ...args, optionsOf(options));
  },
  unschedule: ({ id }: Called) => resonate.schedules.delete(id),
};
type Called = Required<Order>;

function functionOf(name: string) {
  const func = FUNCTIONS[name];
  if (!func) throw new Error(`there is no function ${name}`);
  return func;
}

function optionsOf({ retry, ...options }: Options) {
  const { type, ...policy } = retry ?? {};
  const retryPolicy =
    type === "constant"
      ? new Constant(policy)
      : type === "linear"
        ? new Linear(policy)
        : type === "never"
          ? new Never()
          : undefined;
  return resonate.options({ ...options, ...(retryPolicy && { retryPolicy }) });
}

function kept(handle: ResonateHandle<unknown>) {
  return { id: handle.id, handle: handles.push(handle) - 1 };
}

function encoded(value: unknown) {
  if (value === undefined) return {};
  return { data: Buffer.from(JSON.stringify(value)).toString("base64") };
}

function report(what: Report): void {
  process.send?.(what);
}

async function answer(called: Called): Promise<unknown> {
  return METHODS[called.method](called);
}

const NOTHING = { name: "", args: [], options: {}, cron: "", value: undefined, handle: -1 };

process.on("message", (message) => {
  // SAFETY: only sdk-process.ts sends to this process.
  const { number, ...order } = message as Order & { number: number };
  const called: Called = { ...NOTHING, ...order };
  answer(called).then(
    (value) => report({ number, value }),
    (error: unknown) => {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      report({ number, error: { name, message } });
    },
  );
});
// Nobody is left who could end it.
process.on("disconnect", () => process.exit());
