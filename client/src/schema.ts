/**
 * Checking a value with whatever schema library the caller uses: any that speaks Standard Schema v1
 * (https://standardschema.dev), declared here so that nothing has to be installed.
 */
import { ValidationError } from "./errors.ts";

/** The part of the Standard Schema v1 interface that is needed here. */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/**
 * The value as the schema returns it; without a schema, as it came.
 *
 * @throws ValidationError with the schema's issues.
 */
export async function checked<T>(
  id: string,
  value: unknown,
  schema: StandardSchema<T> | undefined,
): Promise<T> {
  // SAFETY: without a schema the caller's type argument is a claim about its own data, as in JSON.
  if (!schema) return value as T;
  const result = await schema["~standard"].validate(value);
  if (result.issues) throw new ValidationError(id, result.issues);
  return result.value;
}
