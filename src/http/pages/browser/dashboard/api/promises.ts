/** The client package, at home: the same that everybody uses, on the origin of the page. */
import { DurablePromises } from "../../../../../../client/src/client.ts";
import { ownFetch } from "./fetch.ts";

export const promises = new DurablePromises({ url: location.origin, fetch: ownFetch });
