/** Brings the dashboard to life in the frame that the server has drawn. */
import { render } from "hono/jsx/dom";
import { followSession } from "./dashboard/api/session.ts";
import { App } from "./dashboard/app.tsx";
import { followLinks } from "./dashboard/live/route.ts";

followLinks();
followSession();
render(<App />, document.querySelector("#app")!);
