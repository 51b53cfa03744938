/** Which language somebody gets, and that every language says everything. */
import { describe, expect, it } from "vitest";
import {
  dateText,
  faultText,
  fill,
  instantText,
  LANGUAGES,
  languageOf,
  numberText,
  WORDS,
} from "../../src/http/pages/texts.ts";

const gapsOf = (text: string) => Array.from(text.matchAll(/\{\w+\}/g), String).toSorted();

describe("Accept-Language", () => {
  it.each([
    [null, "en"],
    ["", "en"],
    ["de", "de"],
    ["de-AT", "de"],
    ["DE-de", "de"],
    ["fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"],
    ["it, es;q=0.4, de;q=0.6", "de"],
    ["en;q=0.1, es;q=0.2", "es"],
    ["de;q=0.5, fr;q=0.5", "de"],
    ["fr;q=0.5, de;q=0.5", "fr"],
    ["de;q=0", "en"],
    ["*", "en"],
    ["*, en;q=0", "de"],
    ["pt, *;q=0.1", "en"],
    ["en;q=0, de;q=0, fr;q=0, es;q=0", "en"],
    ["ja", "en"],
    ["de;q=2", "en"],
    ["de;q=0.12345", "en"],
    ["de ; q=0.5 , es ;q=0.7", "es"],
    ["zh-Hant-TW, de-CH-1996;q=0.9", "de"],
    [";;;,,,=q", "en"],
    ["constructor, __proto__", "en"],
    [`${"x,".repeat(100_000)}de`, "en"],
  ])("%.60s is answered in %s", (header, language) => {
    expect(languageOf(header)).toBe(language);
  });
});

describe("every language", () => {
  it.each(LANGUAGES)("%s has every word, with the gaps of the English one", (language) => {
    expect(Object.keys(WORDS[language]).toSorted()).toEqual(Object.keys(WORDS.en).toSorted());
    for (const [name, english] of Object.entries(WORDS.en)) {
      const own = Object.entries(WORDS[language]).find(([each]) => each === name)?.[1] ?? "";
      expect(own.trim(), name).not.toBe("");
      expect(gapsOf(own), name).toEqual(gapsOf(english));
    }
  });

  it("writes dates its own way, in UTC, and for machines", () => {
    const at = Date.UTC(2026, 7, 31, 7, 5);
    const texts = LANGUAGES.map((language) => instantText(language, at)?.text);
    expect(new Set(texts).size).toBe(4);
    for (const text of texts) expect(text).toMatch(/31.*2026.*07:05 UTC$/);
    expect(instantText("en", at)?.datetime).toBe("2026-08-31T07:05:00.000Z");
    expect(instantText("en", Number.MAX_SAFE_INTEGER)).toBeUndefined();
    expect(dateText("de", "2026-08-31")).toBe("31. August 2026");
    expect(dateText("de", "soon")).toBe("soon");
    expect(numberText("de", 1234.5)).toBe("1.234,5");
  });

  it("says what is wrong", () => {
    expect(faultText("de", { pointer: "", message: "", keyword: "minLength", expected: 3 })).toBe(
      "Geben Sie mindestens 3 Zeichen ein.",
    );
    expect(faultText("en", { pointer: "", message: "", keyword: "format", expected: "date" })).toBe(
      "Enter a date, such as 2026-08-31.",
    );
    expect(
      faultText("fr", { pointer: "", message: "", keyword: "type", expected: "integer" }),
    ).toBe("Saisissez un nombre entier, par exemple 12.");
    expect(fill("{a} {b} {c}", { a: "$&", b: 1 })).toBe("$& 1 {c}");
  });
});
