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

/** In the page: when the first rows were painted, the longest task, and the longest time between two frames. */
function watch() {
  window.longest = { task: 0, frame: 0 };
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.longest.task = Math.max(window.longest.task, entry.duration)))).observe({ type: "longtask" });
  let before = null;
  const frame = (now) => {
    if (before !== null) window.longest.frame = Math.max(window.longest.frame, now - before);
    before = now;
    // What is there when a frame begins was painted with the one before.
    if (document.querySelector("#list tbody tr:not(.group)")) window.firstRows ??= now;
    if (document.querySelector("#list .strip")) window.firstStrips ??= now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** Does something that takes a while; the longest task and frame in that time. */
async function during(tab, action) {
  await tab.evaluate(() => (window.longest = { task: 0, frame: 0 }));
  await action();
  return tab.evaluate(() => window.longest);
}

async function round(browser, played) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, bypassCSP: true });
  const tab = await context.newPage();
  await tab.addInitScript(watch);
  await tab.goto(played.origin);
  await tab.waitForFunction(() => window.firstRows && window.firstStrips);
  await tab.waitForTimeout(1000);
  const told = await tab.evaluate(() => ({ first: window.firstRows, strips: window.firstStrips, blank: performance.getEntriesByName("first-contentful-paint")[0].startTime, load: window.longest.task }));
  const narrowed = await painted(tab, filter("kvm-busan"));
  const widened = await painted(tab, filter(""));
  const sorted = await painted(tab, 'document.querySelector(\'[data-order="state"] button\').click()');
  await tab.waitForTimeout(500);
  const scroll = await during(tab, () =>
    tab.evaluate(async () => {
      for (let step = 0; step < 120; step += 1) {
        window.scrollBy(0, step < 60 ? 200 : -800);
        await new Promise(requestAnimationFrame);
      }
    }),
  );
  const quiet = await during(tab, () => tab.waitForTimeout(1500));
  const storm = await during(tab, async () => {
    for (let number = 0; number < STORM; number += 1) {
      const peer = played.known.peers[number % peers];
      played.tell({ event: number % 2 ? "up" : "suspect", cause: "silence", peer: { ...peer, state: number % 2 ? "up" : "suspect" } });
      if (number % 10 === 9) await new Promise((done) => setTimeout(done, 20));
    }
    await tab.waitForTimeout(800);
  });
  const elements = await tab.evaluate(() => document.querySelectorAll("*").length);
  await context.close();
  return {
    "something is painted": told.blank,
    "the first rows are painted": told.first,
    "the strips are painted": told.strips,
    "longest task while loading": told.load,
    "filtered to a few": narrowed,
    "filter taken away": widened,
    "sorted by state": sorted,
    "longest frame while scrolling": scroll.frame,
    "longest frame while nothing happens": quiet.frame,
    [`longest frame in a storm of ${STORM} events`]: storm.frame,
    "longest task while scrolling and in the storm": Math.max(scroll.task, storm.task),
    "elements in the page": elements,
  };
}

const browser = await launch();
const played = await stage(peers);
const results = [];
for (let number = 0; number < rounds; number += 1) results.push(await round(browser, played));
console.log(`${peers} peers, ${rounds} rounds, in milliseconds`.padEnd(48) + "median   worst");
for (const name of Object.keys(results[0])) {
  const numbers = results.map((result) => result[name]);
  console.log(name.padEnd(46) + [median(numbers), Math.max(...numbers)].map((number) => number.toFixed(0).padStart(8)).join(""));
}
await browser.close();
played.close();
