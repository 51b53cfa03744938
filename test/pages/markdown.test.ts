/** Markdown from strangers: what it may say, and that it can say nothing else. */
import { html } from "hono/html";
import { describe, expect, it } from "vitest";
import { Markdown } from "../../src/http/pages/markdown.tsx";
import { isSafe } from "../../src/http/pages/markdown-inline.tsx";

async function inner(text: string): Promise<string> {
  const page = String(await html`${Markdown({ text })}`);
  return page
    .replace(/^<div class="markdown">/, "")
    .replace(/<\/div>$/, "")
    .replaceAll(' dir="auto"', "");
}

const REL = 'rel="noopener noreferrer nofollow"';

describe("the subset", () => {
  it.each([
    ["plain", "<p>plain</p>"],
    ["one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"],
    ["a\r\n\r\nb", "<p>a</p><p>b</p>"],
    [
      "**strong** and *em* and _em_ and __strong__",
      "<p><strong>strong</strong> and <em>em</em> and <em>em</em> and <strong>strong</strong></p>",
    ],
    ["**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>"],
    ["***both***", "<p><strong><em>both</em></strong></p>"],
    ["2 * 3 * 4, snake_case_name", "<p>2 * 3 * 4, snake_case_name</p>"],
    ["**open", "<p>**open</p>"],
    ["*a **b* c", "<p><em>a **b</em> c</p>"],
    ["`code *not em* <b>`", "<p><code>code *not em* &lt;b&gt;</code></p>"],
    ["``a ` b``", "<p><code>a ` b</code></p>"],
    ["`open", "<p>`open</p>"],
    ["\\*no\\* \\[a\\](b)", "<p>*no* [a](b)</p>"],
    ["# One\n## Two\n### Three\n###### Six", "<h3>One</h3><h4>Two</h4><h5>Three</h5><h5>Six</h5>"],
    ["#no heading", "<p>#no heading</p>"],
    ["- a\n- *b*\n  more\n\ntext", "<ul><li>a</li><li><em>b</em>\nmore</li></ul><p>text</p>"],
    ["1. a\n2) b\n- c", "<ol><li>a</li><li>b</li></ol><ul><li>c</li></ul>"],
    [
      "```js\nlet a = 1;\n\n<b>\n```\nafter",
      '<pre tabindex="0"><code>let a = 1;\n\n&lt;b&gt;</code></pre><p>after</p>',
    ],
    ["```\nnever closed", '<pre tabindex="0"><code>never closed</code></pre>'],
    [
      "[text](https://example.com/a?b=c&d)",
      `<p><a href="https://example.com/a?b=c&amp;d" ${REL}>text</a></p>`,
    ],
    [
      "[**a** b](mailto:a@example.com)",
      `<p><a href="mailto:a@example.com" ${REL}><strong>a</strong> b</a></p>`,
    ],
    ["[1] and [two](http://e.com)", `<p>[1] and <a href="http://e.com" ${REL}>two</a></p>`],
    ["", ""],
  ])("%j", async (text, expected) => {
    expect(await inner(text)).toBe(expected);
  });
});

describe("what is not in the subset is text", () => {
  it.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "![image](https://evil.example/pixel.png)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert)",
    "[x](java\tscript:alert)",
    "[x](data:text/html,<script>alert</script>)",
    "[x](vbscript:x)",
    "[x](//evil.example)",
    "[x](/relative)",
    "[x](file:///etc/passwd)",
    "[x](https://a b)",
    "[x](https:evil)",
    '[x](https://e.com/"onmouseover="alert)',
    "[x](https://e.com/' onclick='alert)",
    "[<img src=x onerror=alert(1)>](https://e.com)",
    "[x]: javascript:alert(1)\n\n[x]",
    "<https://e.com>",
    "&lt;script&gt;&#60;script&#62;",
    "`<b>` **<i>** *<u>* # <h1>",
    "# <svg onload=alert(1)>",
    "- <iframe src=//evil.example>",
    "```\n</code></pre><script>alert(1)</script>\n```",
    '```"onload=alert(1)\n```',
    "[a[b](https://e.com/)](javascript:alert)",
  ])("%j", async (text) => {
    const page = await inner(text);
    const tags = Array.from(page.matchAll(/<\/?([a-z0-9]+)([^>]*)>/g));
    for (const [, tag, attributes] of tags) {
      expect([
        "p",
        "h3",
        "h4",
        "h5",
        "ul",
        "ol",
        "li",
        "pre",
        "code",
        "em",
        "strong",
        "a",
      ]).toContain(tag);
      expect(attributes).toMatch(
        /^(?: tabindex="0"| href="(?:https?:\/\/|mailto:)[^"<>\s]+" rel="noopener noreferrer nofollow")?$/,
      );
    }
    // Nothing of the text is lost but what marks it up.
    expect(page.includes("<script") || page.includes("<img") || page.includes("<svg")).toBe(false);
  });

  it.each([
    ["https://example.com", true],
    ["HTTP://example.com", true],
    ["mailto:a@b.c", true],
    ["https:/example.com", false],
    ["https://", false],
    ["javascript:alert(1)//https://e.com", false],
    [" https://e.com", false],
    ["https://e.com\u0000", false],
  ])("%j is followed: %s", (url, expected) => {
    expect(isSafe(url)).toBe(expected);
  });
});

describe("linear time", () => {
  const length = 60_000;
  it.each([
    "*",
    "**",
    "_",
    "***",
    "`",
    "` `` ",
    "[",
    "](",
    "[](",
    "[a](",
    "[a](https://",
    "](https://a",
    "\\",
    "*a ",
    "**a *",
    "_a*b_",
    "a**",
    "[*",
    "*[",
    "> ",
    "- ",
    "-\n",
    "# ",
    "#",
    "```\n",
    "1.",
    "1. a\n",
    "\n",
    " ",
    "<",
    "&",
    "x",
  ])("of %j again and again", async (part) => {
    const text = part.repeat(Math.ceil(length / part.length));
    const started = performance.now();
    expect((await inner(text)).length).toBeGreaterThanOrEqual(0);
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it("of backticks in runs of every length", async () => {
    const text = Array.from({ length: 600 }, (_, index) => "`".repeat(index + 1)).join(" ");
    const started = performance.now();
    await inner(text);
    expect(performance.now() - started).toBeLessThan(4000);
  });
});
