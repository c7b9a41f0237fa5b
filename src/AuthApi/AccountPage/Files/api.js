// Calls of the API, as any client may make them. The session is in a cookie that no script can read.

// The page lies in account/, below wherever the API is.
const root = new URL('../', document.baseURI);

/** What the API answers when it refuses (RFC 9457), in words for a person. */
export class Problem extends Error {
  constructor(status, { code = '', title = '', errors = {} } = {}) {
    super(title || `The server answered ${status || 'nothing'}. Try again in a moment.`);
    Object.assign(this, { status, code, errors });
  }
}

/** What the page does when a session has ended, when a call needs a recent authentication, and before one that changes something. */
export const hooks = { ended() {}, reauthenticate: async () => false, async changing() {} };

/** Sends a call and returns the body of its answer. Throws a Problem. */
export async function call(method, path, body, { isRepeated = false, isQuiet = false } = {}) {
  // A logout ends the session of this browser, of another account too.
  if (method !== 'GET' && path !== 'logout/') {
    await hooks.changing();
  }

  let response;
  try {
    response = await fetch(new URL(path, root), {
      method,
      headers: body ? { 'Content-Type': 'application/json' } : {},
      body: body && JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
    });
  } catch {
    throw new Problem(0, { title: 'The server could not be reached. Check the connection and try again.' });
  }

  const isJson = response.headers.get('Content-Type')?.includes('json');
  const answer = isJson ? await response.json() : undefined;
  if (response.ok) {
    return answer ?? {};
  }

  const problem = new Problem(response.status, answer);
  if (problem.code === 'reauthentication_required' && !isRepeated && await hooks.reauthenticate()) {
    return call(method, path, body, { isRepeated: true });
  }

  if (problem.code === 'not_authenticated' && !isQuiet) {
    hooks.ended();
  }

  throw problem;
}

export const get = (path, options) => call('GET', path, undefined, options);
export const post = (path, body) => call('POST', path, body);
export const remove = path => call('DELETE', path);
