/**
 * A socket, and how to be rid of it at once. `close()` only begins a handshake; on a line that went
 * dead nobody answers it, and the runtime keeps connection and process alive until TCP gives up, a
 * quarter of an hour later.
 */
/** What is needed of a WebSocket: the platform's, or that of a package such as `ws`. */
export interface SocketLike {
  send(text: string): void;
  close(): void;
  /** Ends the connection without the closing handshake, where there is such a thing. */
  terminate?(): void;
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void;
}

export type SocketConstructor = new (url: string, protocols?: string | string[]) => SocketLike;

export interface OpenSocket {
  socket: SocketLike;
  letGo: () => void;
}

/** Opens a socket. @throws what the constructor throws. */
export function openSocket(
  WebSocket: SocketConstructor,
  url: string,
  protocols: string[],
): OpenSocket {
  const capture = rawCapture(WebSocket);
  const socket = capture
    ? new capture.WebSocket(url, { protocols, dispatcher: capture.dispatcher })
    : new WebSocket(url, protocols);
  const letGo = () => {
    try {
      // The closing frame goes out first, so that the server knows; then nothing is waited for.
      socket.close();
      socket.terminate?.();
      capture?.raw()?.destroySoon();
    } catch {
      // Closed already, or never opened: either way it is gone.
    }
  };
  return { socket, letGo };
}

/** The parts of undici's dispatcher, and of a Node socket, that are touched here. */
interface Dispatcher {
  dispatch(options: unknown, handler: object): boolean;
}
interface RawSocket {
  destroySoon(): void;
}
type UndiciWebSocket = new (
  url: string,
  init: { protocols: string[]; dispatcher: Dispatcher },
) => SocketLike;

interface Capture {
  WebSocket: UndiciWebSocket;
  dispatcher: Dispatcher;
  /** The connection, once there is one. */
  raw: () => RawSocket | undefined;
}

/**
 * Node's own WebSocket has no `terminate()` (undici 7, Node 24), but takes a dispatcher, through
 * which the TCP connection passes on its way in. Ours is the global one, and looks at it in passing.
 * Nothing anywhere else: no other runtime has that dispatcher.
 */
function rawCapture(WebSocket: SocketConstructor): Capture | undefined {
  const { process, WebSocket: own } = globalThis as {
    process?: { release?: { name?: string }; versions?: Record<string, string> };
    WebSocket?: unknown;
  };
  const versions = process?.versions;
  if (WebSocket !== own || !versions?.["undici"] || versions["bun"] || versions["deno"]) {
    return undefined;
  }
  const dispatcher = Reflect.get(globalThis, Symbol.for("undici.globalDispatcher.1")) as
    | Dispatcher
    | undefined;
  if (typeof dispatcher?.dispatch !== "function") return undefined;
  let raw: RawSocket | undefined;
  const watching: Dispatcher = {
    dispatch: (options, handler) =>
      dispatcher.dispatch(
        options,
        new Proxy(handler, {
          get(inner, key) {
            const member: unknown = Reflect.get(inner, key);
            if (key !== "onUpgrade" && key !== "onRequestUpgrade") return member;
            if (typeof member !== "function") return member;
            return function onUpgrade(this: unknown, ...args: unknown[]) {
              const last = args.at(-1) as Partial<RawSocket> | undefined;
              if (typeof last?.destroySoon === "function") raw = last as RawSocket;
              return Reflect.apply(member, this, args) as unknown;
            };
          },
        }),
      ),
  };
  return {
    // SAFETY: checked above to be Node's own, which takes this second argument.
    WebSocket: WebSocket as unknown as UndiciWebSocket,
    dispatcher: watching,
    raw: () => raw,
  };
}
