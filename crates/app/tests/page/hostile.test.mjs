// Text of an attacker stays text on the page: what got into the database, and what an API told that checks nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { daemon, endAll, HOSTS, open, until } from "./support.mjs";

/** What was put into the database, by the number of the state directory. */
const TEXTS = JSON.parse(process.env.PAGE_HOSTILE ?? "[]");
const API = "http://127.0.0.1:18132/v1/peers";

const ask = async (path) => (await fetch(`${API}${path}`)).json();
const holds = (value, text) => JSON.stringify(value).includes(JSON.stringify(text).slice(1, -1));

/** Goes through all views, and through the detail of each peer: nothing but text, and no link but to consoles. */
async function walk(page, peers) {
  for (const view of ["#activity", "#network", "#host", ...peers.map((peer) => `#peer=${encodeURIComponent(peer.id)}`), "#peers"]) {
    await page.tab.evaluate((hash) => (location.hash = hash), view);
    await page.tab.waitForTimeout(300);
    const strangers = await page.tab.evaluate(() => [...document.querySelectorAll("body script, iframe, object, embed, img:not(.mark), body style, base, form[action]")].map((node) => node.outerHTML));
    assert.deepEqual(strangers, [], view);
    const links = await page.tab.evaluate(() => [...document.querySelectorAll("a")].map((link) => [link.getAttribute("href"), link.rel, link.target]));
    for (const [href, rel, target] of links) {
      if (href.startsWith("#")) continue;
      assert.match(href, /^https:\/\/\d+\.\d+\.\d+\.\d+:\d+\/$/, view);
      assert.equal(`${rel} ${target}`, "noopener noreferrer _blank");
    }
  }
  const names = page.tab.locator("#list .name");
  assert.deepEqual((await names.allTextContents()).sort(), peers.map((peer) => peer.name).sort());
  assert.equal(await names.locator("*").count(), 0);
}

TEXTS.forEach((text, number) => {
  test(`from the database: ${JSON.stringify(text)}`, async (context) => {
    context.after(endAll);
    await daemon(HOSTS[0], "kvm-1", { state: `/run/hosts/hostile-${number}` });
    const told = await ask("");
    const details = await Promise.all(told.map((peer) => ask(`/${encodeURIComponent(peer.id)}`)));
    assert.ok(holds(details, text), "the text is in no answer");
    const page = await open();
    await until("all rows", async () => (await page.rows().count()) === told.length);
    await walk(page, told);
    page.sound();
  });
});

test("from an API that checks nothing", async (context) => {
  context.after(endAll);
  await daemon(HOSTS[0], "kvm-1", { state: "/run/hosts/hostile-0" });
  // What the daemon finds out by itself would be told to the page beside what the played API tells.
  await until("the first check", async () => (await ask("")).every((peer) => peer.state !== "unknown"));
  const [good] = await ask("");
  const members = (text) => ({ id: text, name: text, addresses: [text], url: text, reason: text, state: text, trust: text, reach: text, facts: { version: text, [text]: text }, state_since: text, last_seen: text, first_seen: text });
  const urls = ["javascript:alert(1)", "https://evil.example:8001/", "https://user@192.0.2.1:8001/", "http://192.0.2.1:8001/", "https://192.0.2.1:9/", "//192.0.2.1:8001", "data:text/html,x"];
  const local = (url, number) => ({ ...good, id: `local-${number}`, name: `local-${number}`, origin: "local", addresses: ["192.0.2.1"], https_port: 8001, url });
  const peers = [...TEXTS.map((text) => ({ ...good, ...members(text) })), ...urls.map(local), local("https://192.0.2.1:8001", 99)];
  const page = await open("/", { route: ["**/v1/peers*", peers] });
  await until("all rows", async () => (await page.rows().count()) === peers.length);
  await walk(page, peers);
  assert.deepEqual(await page.tab.locator("#list a[target]").evaluateAll((links) => links.map((link) => link.href)), ["https://192.0.2.1:8001/"]);
  // The daemon does not know these peers, and says so.
  page.sound([/status of 40[04] /]);
});
