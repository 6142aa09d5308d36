// The connection on which changes come in as they happen.
//
//  connecting ──ready──▶ live ──broken──▶ away ──ready──▶ live       A hidden page closes it: browsers give all the tabs
//                                                                    of one daemon six connections together.

const EVENTS = ["up", "changed", "suspect", "down", "removed", "conflict", "planned", "overdue"];
/** Between two tries where the browser does not try by itself, in milliseconds. */
const RETRY = 3000;
/** How long a hidden page keeps its connection, in milliseconds. */
const HIDDEN = 20_000;

let source = null;
let retry = null;
let sleep = null;
let told = "connecting";
let heed = null;

/**
 * Begins to listen. `change(event)` gets each event, `reload()` is called when the whole list must be read (at first,
 * after a break, and when the daemon says so), `state(word)` when the connection is `connecting`, `live` or `away`.
 */
export function listen(callbacks) {
  heed = callbacks;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(sleep);
    if (document.hidden) sleep = setTimeout(rest, HIDDEN);
    else if (!source) open();
  });
  open();
}

/** Tries at once instead of by and by. */
export function tryNow() {
  close();
  open();
}

/** Says that the daemon was found not to answer, or to answer after all. */
export function noteAnswer(answered) {
  if (!answered) tell("away");
  else if (told === "away") tryNow();
}

/** Closes the connection until somebody looks again, or signs in. */
export function rest() {
  close();
  tell("connecting");
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

function open() {
  const opened = new EventSource("/v1/events");
  source = opened;
  const start = () => {
    tell("live");
    heed.reload();
  };
  opened.addEventListener("ready", () => told !== "live" && start());
  opened.addEventListener("resync", start);
  // A connection that the browser made again goes on where it stopped, without another `ready`.
  opened.addEventListener("open", () => told === "away" && start());
  for (const name of EVENTS) opened.addEventListener(name, (message) => heed.change(JSON.parse(message.data)));
  opened.addEventListener("error", () => {
    if (source !== opened) return;
    if (opened.readyState !== EventSource.CLOSED) return tell("away");
    // Not broken but refused: reading the list tells why.
    close();
    retry = setTimeout(open, RETRY);
    heed.reload();
  });
}

function tell(state) {
  if (state === told) return;
  told = state;
  heed.state(state);
}
