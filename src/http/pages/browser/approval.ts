/**
 * Keeps the approval page true: counts down to the deadline and, when somebody else decides, asks
 * the server for the page again. What somebody has typed is never lost: then it only says so.
 * Decides nothing, sends nothing, writes no markup; the page is complete without it.
 */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS = [
  ["day", DAY],
  ["hour", HOUR],
  ["minute", MINUTE],
  ["second", SECOND],
] as const;

const main = document.querySelector("main")!;
const form = document.querySelector("form");
const language = document.documentElement.lang;
/** The deadline is the server's; a phone's clock may be minutes off. */
const skewMs = Number(main.dataset["now"]) - Date.now();

let isLeaving = false;
form?.addEventListener("submit", () => {
  isLeaving = true;
});
// A form that the browser kept was not sent.
addEventListener("pageshow", () => {
  isLeaving = false;
});

follow(main.dataset["live"]);
for (const element of document.querySelectorAll<HTMLElement>("[data-until]")) countDown(element);

function follow(url: string | undefined): void {
  if (!url) return;
  const events = new EventSource(url);
  for (const type of ["settled", "disposed", "changed"]) {
    events.addEventListener(type, () => {
      events.close();
      showAgain();
    });
  }
}

/** An answer on its way is not overtaken by the news that it may have caused itself. */
function showAgain(): void {
  if (isLeaving) return;
  if (form && isTyped(form)) sayMeanwhile(form);
  // Not `reload()`, which would send the form again if this page is the answer to one; and without
  // the fragment, with which the browser would only scroll.
  else location.replace(location.pathname + location.search);
}

function sayMeanwhile(form: HTMLFormElement): void {
  const notice = document.querySelector("#notice");
  const template = document.querySelector<HTMLTemplateElement>("#meanwhile");
  if (!notice || !template || notice.childElementCount > 0) return;
  notice.append(template.content.cloneNode(true));
  for (const button of form.querySelectorAll<HTMLButtonElement>("button[name]")) {
    button.disabled = true;
  }
}

/** Compared with what the server sent, because browsers fill forms in without telling. */
function isTyped(form: HTMLFormElement): boolean {
  return form.dataset["typed"] !== undefined || Array.from(form.elements).some(isChanged);
}

function isChanged(control: Element): boolean {
  if (control instanceof HTMLSelectElement) {
    const initial = Array.from(control.options).findIndex((option) => option.defaultSelected);
    return control.selectedIndex !== Math.max(initial, 0);
  }
  if (control instanceof HTMLTextAreaElement) return control.value !== control.defaultValue;
  if (!(control instanceof HTMLInputElement)) return false;
  if (control.type === "radio" || control.type === "checkbox") {
    return control.checked !== control.defaultChecked;
  }
  return control.value !== control.defaultValue;
}

function countDown(element: HTMLElement): void {
  const until = Number(element.dataset["until"]);
  const leftMs = until - (Date.now() + skewMs);
  if (leftMs <= 0) {
    element.textContent = element.dataset["over"] ?? "";
    // The server settles at the deadline and says so; this is for when the line was cut.
    setTimeout(showAgain, 3000);
    return;
  }
  element.textContent = (element.dataset["left"] ?? "{time}").replace("{time}", () =>
    spoken(leftMs),
  );
  element.classList.toggle("soon", leftMs < HOUR);
  // At the next full second, or minute when seconds are not shown.
  const stepMs = leftMs < HOUR ? 1000 : MINUTE;
  setTimeout(() => countDown(element), (leftMs % stepMs) + 20);
}

/** The two largest units: "2 days 3 hours". */
function spoken(ms: number): string {
  const rounded = Math.ceil(ms / SECOND) * SECOND;
  const first = Math.max(
    0,
    UNITS.findIndex(([, size]) => rounded >= size),
  );
  const amounts = UNITS.slice(first, first + 2).map(([unit, size], index) => ({
    unit,
    amount: Math.floor((index === 0 ? rounded : rounded % UNITS[first]![1]) / size),
  }));
  const words = amounts
    .filter(({ amount }, index) => index === 0 || amount > 0)
    .map(({ unit, amount }) => {
      return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(
        amount,
      );
    });
  return words.join(" ");
}
