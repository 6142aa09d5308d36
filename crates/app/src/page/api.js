// Asking the daemon.

/** How long an answer may take, in milliseconds. */
const PATIENCE = 10_000;

/** An answer that says why not. `status` is 0 where there was no answer at all. */
export class Refusal extends Error {
  constructor(status, code, reason) {
    super(reason);
    this.status = status;
    this.code = code;
  }
}

/** Sends one request; the answer's JSON, or null where it has no body. */
export async function ask(path, { method = "GET", body, headers = {} } = {}) {
  const sent = { ...headers, ...(body === undefined ? {} : { "Content-Type": "application/json" }) };
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { Accept: "application/json", ...sent },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    throw new Refusal(0, "", "the daemon does not answer");
  }
  const text = await answer.text().catch(() => "");
  const said = parsed(text);
  if (!answer.ok) throw new Refusal(answer.status, said?.code ?? "", said?.reason ?? `the daemon answered with the status ${answer.status}`);
  return said;
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** The same where the daemon may have nothing to say on the subject: null then. */
export async function askIfKnown(path) {
  try {
    return await ask(path);
  } catch (refusal) {
    if (refusal.status === 404) return null;
    throw refusal;
  }
}

/** The path of one peer. */
export const peerPath = (id) => `/v1/peers/${encodeURIComponent(id)}`;
