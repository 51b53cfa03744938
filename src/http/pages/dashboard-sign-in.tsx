/**
 * The page on which a browser is given a key: a form that works without a script. Where it leads
 * afterwards is a path of the dashboard and nothing else, whoever made the link.
 */
import { Brand } from "./browser/dashboard/layout/nav.tsx";
import { dashboardDocument } from "./dashboard-document.tsx";

interface SignIn {
  /** Where it is asked for. */
  url: string;
  next: string;
  /** Why the last attempt was none. */
  fault?: string;
}

export function signInPage({ url, next, fault }: SignIn, status = 200): Promise<Response> {
  return dashboardDocument(
    {
      url,
      title: fault === undefined ? "Sign in: Durable Promises" : "Not signed in: Durable Promises",
      children: (
        <main class="sign-in">
          <form class="card" method="post" action="/session">
            <Brand />
            <h1>Sign in</h1>
            <p class="quiet">
              With an API key or a token. It stays in this browser until you sign out.
            </p>
            {fault !== undefined && (
              <p class="fault" id="fault" role="alert">
                {fault}
              </p>
            )}
            <input type="hidden" name="next" value={next} />
            <label class="field">
              <span>Key</span>
              <input
                type="password"
                name="key"
                required
                autofocus
                autocomplete="current-password"
                autocapitalize="off"
                spellcheck={false}
                {...(fault !== undefined && {
                  "aria-invalid": "true",
                  "aria-describedby": "fault",
                })}
              />
            </label>
            <button class="button primary" type="submit">
              Sign in
            </button>
          </form>
        </main>
      ),
    },
    status,
  );
}

/** Never to another site, however the address is written. */
export function localPathOf(next: string | null | undefined): string {
  if (!next || !/^\/(?:$|\?|dashboard\/)[^\\\p{Cc}]*$/u.test(next)) return "/";
  // A header takes nothing else (RFC 9110, 5.5).
  return next.toWellFormed().replaceAll(/[^\x20-\x7E]+/gu, encodeURIComponent);
}
