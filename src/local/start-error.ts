/**
 * Why the server did not start, when the reason is one that a person can act on: `message` is the
 * one line to print, `code` is for programs. Anything else that is thrown is a bug of ours and
 * keeps its stack. Knows nothing of printing.
 */

export type StartErrorCode =
  | "bad_option"
  | "folder_in_use"
  | "folder_unusable"
  | "address_unusable"
  | "build_failed"
  | "workerd_failed";

export class StartError extends Error {
  override readonly name = "StartError";
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
