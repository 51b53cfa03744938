/** The hook where there is no page: prints what a server would send. Hears nothing, opens nothing. */
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { usePromise } from "../../../client/src/react.ts";

function Status() {
  const { status, record, settling } = usePromise("a promise", { url: "http://127.0.0.1:9" });
  return createElement("p", null, [status, record?.id ?? "no record", String(settling)].join("|"));
}

console.log(renderToString(createElement(Status)));
