// How long the page takes with a thousand peers, in this machine's Chromium; the daemon is played, so that only the page
// counts:
//
//     node crates/app/tests/page/bench.mjs [PEERS] [ROUNDS]

import { launch } from "./browser.mjs";
import { stage } from "./stage.mjs";

const [peers, rounds] = [Number(process.argv[2] ?? 1000), Number(process.argv[3] ?? 7)];
/** Events that come in one after the other within a second. */
const STORM = 500;

const median = (numbers) => numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)];

/** Does something in the page; the time until the next painting has been done, in milliseconds. */
const painted = (tab, action) =>
  tab.evaluate(async (source) => {
    const begun = performance.now();
    new Function(source)();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - begun;
  }, action);

const filter = (text) => `const field = document.getElementById("filter"); field.value = ${JSON.stringify(text)}; field.dispatchEvent(new Event("input"));`;

async function round(browser, played) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, bypassCSP: true });
  const tab = await context.newPage();
  await tab.addInitScript(() => {
    window.longest = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.longest = Math.max(window.longest, entry.duration)))).observe({ type: "longtask" });
    window.rows = {};
    const look = () => {
      const count = document.querySelectorAll("#list tbody tr:not(.group)").length;
      if (count > 0) window.rows.first ??= performance.now();
      if (count >= window.wanted) window.rows.all ??= performance.now();
      if (!window.rows.all) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await tab.addInitScript((wanted) => (window.wanted = wanted), played.known.peers.length);
  await tab.goto(played.origin);
  await tab.waitForFunction(() => window.rows.all);
  await tab.waitForTimeout(500);
  const told = await tab.evaluate(() => ({ ...window.rows, blank: performance.getEntriesByName("first-contentful-paint")[0].startTime, load: window.longest }));
  const narrowed = await painted(tab, filter("kvm-busan"));
  const widened = await painted(tab, filter(""));
  const sorted = await painted(tab, 'document.querySelector(\'[data-order="state"] button\').click()');
  await tab.waitForTimeout(1000);
  const scrolled = await tab.evaluate(async () => {
    let worst = 0;
    let before = performance.now();
    for (let step = 0; step < 60; step += 1) {
      window.scrollBy(0, 400);
      await new Promise(requestAnimationFrame);
      worst = Math.max(worst, performance.now() - before);
      before = performance.now();
    }
    return worst;
  });
  await tab.evaluate(() => (window.longest = 0));
  for (let number = 0; number < STORM; number += 1) {
    const peer = played.known.peers[number % peers];
    played.tell({ event: number % 2 ? "up" : "suspect", cause: "silence", peer: { ...peer, state: number % 2 ? "up" : "suspect" } });
    if (number % 10 === 9) await new Promise((done) => setTimeout(done, 20));
  }
  await tab.waitForTimeout(800);
  const storm = await tab.evaluate(() => window.longest);
  const elements = await tab.evaluate(() => document.querySelectorAll("*").length);
  await context.close();
  return { "something is painted": told.blank, "first rows": told.first, "all rows": told.all, "longest task while loading": told.load, "filter to a few": narrowed, "filter taken away": widened, "sorted by state": sorted, "longest frame while scrolling": scrolled, [`longest task in a storm of ${STORM} events`]: storm, elements };
}

const browser = await launch();
const played = await stage(peers);
const results = [];
for (let number = 0; number < rounds; number += 1) results.push(await round(browser, played));
console.log(`${peers} peers, medians of ${rounds}, in milliseconds`);
for (const name of Object.keys(results[0])) console.log(`${name.padEnd(44)}${median(results.map((result) => result[name])).toFixed(0).padStart(8)}`);
await browser.close();
played.close();
