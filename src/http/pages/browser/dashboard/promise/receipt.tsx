/** The signed receipt of how a promise ended, to be taken along; nothing where nothing is signed. */
import { promises } from "../api/promises.ts";
import { useLoad } from "../live/load.ts";
import { CopyButton } from "../parts/copy.tsx";

export function ReceiptPanel({ id }: { id: string }) {
  const { data } = useLoad((signal) => promises.receipts.get(id, { signal }), [id]);
  if (!data) return null;
  const { jws, receipt } = data;
  return (
    <section class="panel">
      <h2>Receipt</h2>
      <p class="quiet">
        Says who settled it, how and when, signed by this server. Anybody can check it against{" "}
        <a href="/.well-known/jwks.json" target="_blank" rel="noreferrer">
          its public keys
        </a>
        .
      </p>
      <div class="with-copy">
        <code class="clip">{receipt.jti}</code>
        <CopyButton text={jws} what="the receipt" />
      </div>
    </section>
  );
}
