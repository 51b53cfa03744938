/**
 * A worker at its inbox that does not give up: where its line is cut it connects again, and it
 * acknowledges what it must.
 */
import { inboxAt } from "../runtime.ts";

export class InboxWorker {
  readonly messages: string[] = [];
  #group: string;
  #pid: string;
  #socket: WebSocket | undefined;

  constructor(group: string, pid: string) {
    this.#group = group;
    this.#pid = pid;
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  async connect(): Promise<void> {
    const url = `https://inbox/?pid=${this.#pid}`;
    const headers = { upgrade: "websocket" };
    const { webSocket, status } = await inboxAt(this.#group).fetch(url, { headers });
    if (!webSocket) throw new Error(`refused with ${status}`);
    webSocket.addEventListener("message", ({ data }) => {
      const [, number, message] = /^(?:(\d+)\n)?(.*)$/s.exec(String(data))!;
      this.messages.push(message!);
      if (number !== undefined) webSocket.send(`{"ack":${number}}`);
    });
    webSocket.accept();
    this.#socket = webSocket;
  }

  leave(): void {
    this.#socket?.close(1000);
    this.#socket = undefined;
  }
}
