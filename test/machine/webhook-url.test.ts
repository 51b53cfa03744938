/** What the server lets itself be told to call: public HTTPS, and this machine if it was started so. */
import { describe, expect, it } from "vitest";
import { faultOfUrl } from "../../src/machine/webhook-url.ts";

const mayCall = (url: string, loopback = false) => faultOfUrl(url, { loopback }) === undefined;

const PUBLIC = [
  "https://example.com",
  "https://example.com./hook",
  "https://hooks.example.com:8443/a?b=c#d",
  "https://EXAMPLE.com",
  "https://bücher.example",
  "https://internal.example.com",
  "https://localhost.example.com",
  "https://127.0.0.1.nip.io",
  "https://1.1.1.1",
  "https://9.255.255.255",
  "https://11.0.0.1",
  "https://100.63.255.255",
  "https://100.128.0.1",
  "https://172.15.255.255",
  "https://172.32.0.1",
  "https://192.167.1.1",
  "https://223.255.255.255",
  "https://[2606:4700:4700::1111]",
  "https://[2001:4860:4860::8888]",
  "https://[::ffff:1.1.1.1]",
  "https://[64:ff9b::1.1.1.1]",
  "https://[2002:101:101::]",
];

const LOOPBACK = [
  "//localhost:8787/hook",
  "//LOCALHOST",
  "//localhost.",
  "//app.localhost",
  "//127.0.0.1",
  "//127.255.255.254:1",
  "//127.1",
  "//0x7f.1",
  "//0177.0.0.1",
  "//2130706433",
  "//0x7f000001",
  "//127.0.0.1.",
  "//%31%32%37.0.0.1",
  "//１２７.0.0.1",
  "//[::1]:9000",
  "//[0:0:0:0:0:0:0:1]",
  "//[::ffff:127.0.0.1]",
  "//[::ffff:7f00:1]",
];

const NEVER = [
  "",
  "example.com",
  "ftp://example.com",
  "javascript:alert(1)",
  "file:///etc/passwd",
  "ws://example.com",
  "https://user@example.com",
  "https://user:secret@example.com",
  "https://:secret@example.com",
  "https://intranet",
  "https://intranet.",
  "https://a..b",
  "https://example.com..",
  "https://.",
  "https://printer.local",
  "https://metadata.google.internal/computeMetadata/v1/",
  "https://metadata.google.internal.",
  "https://db.INTERNAL",
  "https://router.home.arpa",
  "https://nas.lan",
  "https://0.0.0.0",
  "https://0",
  "https://0.1.2.3",
  "https://10.0.0.1",
  "https://10.1",
  "https://167772161",
  "https://012.0.0.1",
  "https://0xa.0x0.0x0.0x1",
  "https://100.64.0.1",
  "https://100.127.255.255",
  "https://169.254.169.254/latest/meta-data/",
  "https://0xa9fea9fe",
  "https://172.16.0.1",
  "https://172.31.255.255",
  "https://192.168.1.1",
  "https://192.168.257",
  "https://192.0.0.1",
  "https://192.0.2.1",
  "https://192.88.99.1",
  "https://198.18.0.1",
  "https://198.19.255.255",
  "https://198.51.100.7",
  "https://203.0.113.7",
  "https://224.0.0.1",
  "https://239.255.255.255",
  "https://240.0.0.1",
  "https://255.255.255.255",
  "https://256.0.0.1",
  "https://[::]",
  "https://[::2]",
  "https://[::10.0.0.1]",
  "https://[::ffff:10.0.0.1]",
  "https://[::ffff:a9fe:a9fe]",
  "https://[::ffff:0:10.0.0.1]",
  "https://[64:ff9b::10.0.0.1]",
  "https://[64:ff9b::a9fe:a9fe]",
  "https://[64:ff9b:1::1.1.1.1]",
  "https://[2002:a00:1::]",
  "https://[2002:a9fe:a9fe::1]",
  "https://[2001::1]",
  "https://[2001:db8::1]",
  "https://[3fff::1]",
  "https://[100::1]",
  "https://[fe80::1]",
  "https://[febf::1]",
  "https://[fec0::1]",
  "https://[fc00::1]",
  "https://[fd12:3456::1]",
  "https://[ff02::1]",
  "https://[4000::1]",
];

describe("a server may call", () => {
  it.each(PUBLIC)("%s", (url) => {
    expect(faultOfUrl(url, { loopback: false })).toBeUndefined();
    expect(mayCall(url, true)).toBe(true);
    expect(mayCall(url.replace("https:", "http:"), true)).toBe(false);
  });
});

describe("only a server for this machine may call", () => {
  it.each(LOOPBACK)("%s", (rest) => {
    for (const scheme of ["http:", "https:"]) {
      expect(mayCall(`${scheme}${rest}`)).toBe(false);
      expect(mayCall(`${scheme}${rest}`, true)).toBe(true);
    }
  });
});

describe("no server may call", () => {
  it.each(NEVER)("%s", (url) => {
    expect(faultOfUrl(url, { loopback: false })).toMatch(/^The (?:URL|host) /);
    expect(mayCall(url, true)).toBe(false);
    expect(mayCall(url.replace("https:", "http:"), true)).toBe(false);
  });
});
