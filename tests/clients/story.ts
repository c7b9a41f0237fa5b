// A typed client, made from the OpenAPI document alone, against the server: node built/story.js ADDRESS
// It compiles if the document has these requests and answers, and runs if the server has them too.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import createClient from 'openapi-fetch';
import type { components, paths } from './generated/api';

type Problem = components['schemas']['ProblemResponse'];

const baseUrl = process.argv[2];
assert(baseUrl, 'node built/story.js ADDRESS');

/** A device that signs in with a header token. */
class Device {
  token: string | undefined;

  readonly api = createClient<paths>({ baseUrl: baseUrl! });

  constructor() {
    this.api.use({
      onRequest: ({ request }) => {
        if (this.token) {
          request.headers.set('Authorization', `Session ${this.token}`);
        }

        return request;
      },
      onResponse: ({ response }) => {
        assert.equal(response.headers.get('Cache-Control'), 'no-store');
        assert.equal(response.headers.get('Set-Cookie'), null, 'a header session is given no cookie');
      },
    });
  }

  async logIn(email: string, password: string) {
    const session = ok(await this.api.POST('/login/', { body: { email, password, transport: 'header' } }));
    assert(session.sessionToken);
    this.token = session.sessionToken;
    return session;
  }
}

function ok<T>(answer: { data?: T; error?: Problem; response: Response }): T {
  assert(answer.data !== undefined, `${answer.response.url} answered ${answer.response.status} ${answer.error?.code}`);
  return answer.data;
}

function refused(answer: { data?: unknown; error?: Problem; response: Response }, status: number, code: string): Problem {
  assert(answer.error, `${answer.response.url} answered ${answer.response.status}`);
  assert.deepEqual([answer.response.status, answer.error.status, answer.error.code], [status, status, code]);
  return answer.error;
}

async function tell() {
  const email = `${randomUUID()}@example.com`;
  const password = 'correct horse battery staple';
  const phone = new Device();
  const tablet = new Device();

  const invalid = refused(await phone.api.POST('/register/', { body: { email, password: 'short' } }), 400, 'validation_failed');
  assert.deepEqual(Object.keys(invalid.errors ?? {}), ['password']);
  const user = ok(await phone.api.POST('/register/', { body: { email, password } }));
  assert('id' in user, 'this server requires no confirmed address');
  refused(await phone.api.POST('/register/', { body: { email, password } }), 409, 'email_taken');

  refused(await phone.api.POST('/login/', { body: { email, password: 'not the right password', transport: 'header' } }), 401, 'invalid_credentials');
  const { session } = await phone.logIn(email, password);
  const other = await tablet.logIn(email, password);
  assert.equal(other.user.id, user.id);

  const me = ok(await phone.api.GET('/me/'));
  assert.deepEqual([me.id, me.email, me.session.id, me.session.transport], [user.id, email, session.id, 'header']);

  const sessions = ok(await phone.api.GET('/sessions/'));
  assert.deepEqual(sessions.items.map(item => item.id).sort(), [session.id, other.session.id].sort());

  const before = phone.token;
  refused(await phone.api.POST('/reauthenticate/', { body: { password: 'not the right password' } }), 403, 'invalid_credentials');
  const renewed = ok(await phone.api.POST('/reauthenticate/', { body: { password } }));
  assert(renewed.sessionToken && renewed.sessionToken !== before);
  assert.equal(renewed.session.id, session.id);
  refused(await phone.api.GET('/me/'), 401, 'not_authenticated');
  phone.token = renewed.sessionToken;

  const ended = await phone.api.DELETE('/sessions/{id}/', { params: { path: { id: other.session.id } } });
  assert.equal(ended.response.status, 204);
  refused(await phone.api.DELETE('/sessions/{id}/', { params: { path: { id: other.session.id } } }), 404, 'not_found');
  refused(await tablet.api.GET('/me/'), 401, 'not_authenticated');

  const activity = ok(await phone.api.GET('/me/activity/', { params: { query: { limit: 1 } } }));
  assert.deepEqual(activity.items.map(item => item.event), ['session_revoked']);
  assert(activity.next);
  const earlier = ok(await phone.api.GET('/me/activity/', { params: { query: { before: activity.next, limit: 1 } } }));
  assert.deepEqual(earlier.items.map(item => item.event), ['reauthenticated']);

  tablet.token = undefined;
  await tablet.logIn(email, password);
  ok(await phone.api.POST('/logout/', { params: { query: { scope: 'others' } } }));
  refused(await tablet.api.GET('/me/'), 401, 'not_authenticated');

  await changeAccount(phone, email, password);

  const { message } = ok(await phone.api.POST('/logout/'));
  assert.equal(message, `Logout successful. User id: ${user.id}`);
  refused(await phone.api.GET('/me/'), 401, 'not_authenticated');
  refused(await phone.api.POST('/logout/'), 401, 'not_authenticated');

  await tablet.logIn(email, newPassword);
  const deleted = await tablet.api.DELETE('/me/');
  assert.equal(deleted.response.status, 204);
  refused(await tablet.api.GET('/me/'), 401, 'not_authenticated');
}

const newPassword = 'staple battery horse correct';

async function changeAccount(device: Device, email: string, password: string) {
  const { api } = device;
  const code = '7K3M-9QXW-2DTA';
  const newEmail = `${randomUUID()}@example.com`;
  const userName = `user-${randomUUID()}`;

  const renamed = ok(await api.PATCH('/me/', { body: { userName } }));
  assert.equal(renamed.userName, userName);

  for (const sent of [
    await api.POST('/password/forgot/', { body: { email } }),
    await api.POST('/email/confirm/resend/', { body: { email } }),
    await api.POST('/email/change/', { body: { newEmail } }),
  ]) {
    assert.equal(sent.response.status, 202);
    assert(ok(sent).message);
  }

  refused(await api.POST('/password/reset/', { body: { email, code, newPassword } }), 400, 'invalid_code');
  refused(await api.POST('/email/confirm/', { body: { email, code } }), 400, 'invalid_code');
  refused(await api.POST('/email/change/confirm/', { body: { newEmail, code } }), 400, 'invalid_code');

  const all = ok(await api.GET('/me/export/'));
  assert.deepEqual([all.account.email, all.account.userName], [email, userName]);

  refused(await api.POST('/password/change/', { body: { currentPassword: 'not the right password', newPassword } }), 403, 'invalid_credentials');
  const changed = ok(await api.POST('/password/change/', { body: { currentPassword: password, newPassword } }));
  assert(changed.sessionToken);
  device.token = changed.sessionToken;
}

// Not run, only compiled: what the document does not allow is an error before anything is sent.
export function notAllowed({ api }: Device) {
  // @ts-expect-error: there is no such path
  void api.GET('/nowhere/');
  // @ts-expect-error: it is logged out by POST
  void api.GET('/logout/');
  // @ts-expect-error: no such scope
  void api.POST('/logout/', { params: { query: { scope: 'everybody' } } });
  // @ts-expect-error: a login needs a password
  void api.POST('/login/', { body: { email: 'ada@example.com' } });
  // @ts-expect-error: no such transport
  void api.POST('/login/', { body: { email: 'ada@example.com', password: 'x', transport: 'pigeon' } });
  // @ts-expect-error: the id is missing
  void api.DELETE('/sessions/{id}/');
}

tell().then(() => console.log('The story is as the document has it.'), error => {
  console.error(error);
  process.exitCode = 1;
});
