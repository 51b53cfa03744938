/**
 * The config of workerd as text, from plain data: one Worker, its Durable Objects on local disk,
 * static files, one socket. Pure: no clock, no disk, no environment. Values of settings are not
 * written here, only their names (workerd reads them from its environment), because the text lies
 * in the data folder and backups of that folder should not carry API keys.
 */
import type { ObjectBinding } from "./project.ts";

export interface WorkerdConfig {
  /** The module, relative to the file that this text is written to. */
  module: string;
  /** Where to listen, as `127.0.0.1:8787` or `[::1]:0`. */
  address: string;
  compatibilityDate: string;
  compatibilityFlags: string[];
  classes: string[];
  objects: ObjectBinding[];
  /** The absolute folder in which the Durable Objects live. */
  objectsDirectory: string;
  /** The absolute folder of static files, and the binding through which the Worker reads them. */
  assets: { directory: string; binding: string };
  /** Names of the environment variables that the Worker sees as text bindings. */
  settings: string[];
  /**
   * Whether the Worker may call this machine, whatever name leads there. It may call the public
   * internet, and never the network around it: a name that leads there is not followed.
   */
  callsLoopback: boolean;
  /** A binding that may call anything: for an address that the operator has set, and for no other. */
  trustedNetwork?: string;
}

/** The name of the socket, by which workerd reports the port that it chose. */
export const SOCKET = "http";

/**
 * Must never change: workerd derives the id of every object from it, so another key would leave
 * all promises on disk unreachable.
 */
export function uniqueKey(className: string): string {
  return `durable-promises-${className}`;
}

export function workerdConfig(config: WorkerdConfig): string {
  const flags =
    config.compatibilityFlags.length === 0
      ? ""
      : `\n  compatibilityFlags = [${config.compatibilityFlags.map(quote).join(", ")}],`;
  const namespaces = config.classes.map(
    (name) =>
      `(className = ${quote(name)}, uniqueKey = ${quote(uniqueKey(name))}, enableSql = true)`,
  );
  const bindings = [
    ...config.objects.map(
      ({ name, className }) =>
        `(name = ${quote(name)}, durableObjectNamespace = ${quote(className)})`,
    ),
    `(name = ${quote(config.assets.binding)}, service = "assets")`,
    ...config.settings.map((name) => `(name = ${quote(name)}, fromEnvironment = ${quote(name)})`),
    ...(config.trustedNetwork === undefined
      ? []
      : [`(name = ${quote(config.trustedNetwork)}, service = "trusted")`]),
  ];
  const networks = [
    network("internet", config.callsLoopback ? ["public", "local"] : ["public"]),
    ...(config.trustedNetwork === undefined
      ? []
      : [network("trusted", ["public", "local", "private"])]),
  ];
  // Storage is always on disk: `inMemory` crashes the process when an alarm fires (workerd#7191).
  return `# Written at every start of the server; changes made here are lost.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "objects", disk = (path = ${quote(config.objectsDirectory)}, writable = true)),
    (name = "assets", disk = (path = ${quote(config.assets.directory)}, writable = false)),
    ${networks.join(",\n    ")},
  ],
  sockets = [(name = ${quote(SOCKET)}, address = ${quote(config.address)}, http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed ${quote(config.module)})],
  compatibilityDate = ${quote(config.compatibilityDate)},${flags}
  durableObjectNamespaces = [
    ${namespaces.join(",\n    ")},
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    ${bindings.join(",\n    ")},
  ],
);
`;
}

/** `local` is this machine, `private` the network around it; which it is, is asked of the address. */
function network(name: string, allow: ("public" | "local" | "private")[]): string {
  const kinds = allow.map(quote).join(", ");
  return `(name = ${quote(name)}, network = (allow = [${kinds}], tlsOptions = (trustBrowserCas = true)))`;
}

/** Cap'n Proto has the escapes of C; other control characters cannot occur in a sane path. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}
