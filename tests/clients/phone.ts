// The React Native client of docs/mobile.md, against the server and against one that fails: node built/phone.js ADDRESS
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as SecureStore from 'expo-secure-store';
import type { components } from './generated/api';
import { api, call, changePassword, logIn, logOut, reauthenticate, Refused, register } from './generated/session';

const key = 'session-token';
const email = `${randomUUID()}@example.com`;
const password = 'correct horse battery staple';

const kept = () => SecureStore.getItemAsync(key);
const refusal = (status: number, code: string) => (error: unknown) => error instanceof Refused && error.status === status && error.code === code;

async function againstTheServer() {
  await assert.rejects(register(email, 'short'), (error: unknown) =>
    error instanceof Refused && error.code === 'validation_failed' && error.title !== '' && error.traceId !== ''
    && error.errors.password?.length === 1);
  assert.equal((await register(email, password)).email, email);

  await assert.rejects(logIn(email, 'not the right password'), refusal(401, 'invalid_credentials'));
  assert.equal((await logIn(email, password)).email, email);
  const first = await kept();
  assert(first);

  await assert.rejects(reauthenticate('not the right password'), refusal(403, 'invalid_credentials'));
  assert.equal(await kept(), first, 'a 403 leaves the token');
  await reauthenticate(password);
  const renewed = await kept();
  assert(renewed && renewed !== first);

  await assert.rejects(changePassword('not the right password', 'staple battery horse correct'), refusal(403, 'invalid_credentials'));
  await changePassword(password, 'staple battery horse correct');
  const second = await kept();
  assert(second && second !== renewed);

  const me = await call<components['schemas']['MeResponse']>('GET', '/me/');
  assert.equal(me.email, email);
  assert.equal(me.session.userAgent, api.userAgent);
  assert.equal(me.session.device, 'Example app on iPhone');

  assert.equal(await logOut(), true);
  assert.equal(await kept(), null);
  await SecureStore.setItemAsync(key, second);
  await assert.rejects(call('GET', '/me/'), refusal(401, 'not_authenticated'));
  assert.equal(await kept(), null, 'a dead token is not kept');
}

async function againstOneThatFails() {
  const tokens: (string | undefined)[] = [];
  const answers: RequestListener[] = [
    (_, response) => response.writeHead(503, { 'Content-Type': 'application/problem+json', 'Retry-After': '1' })
      .end(JSON.stringify({ title: 'The store is out of reach.', status: 503, code: 'store_unavailable', traceId: '0' })),
    (_, response) => response.writeHead(502, { 'Content-Type': 'text/html', 'Retry-After': '1' }).end('<h1>Bad Gateway</h1>'),
    request => request.socket.destroy(),
    (_, response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"message":"Logout successful. User id: 1"}'),
  ];
  const server = createServer((request, response) => {
    tokens.push(request.headers.authorization);
    answers.shift()!(request, response);
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  try {
    api.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await SecureStore.setItemAsync(key, 'T');
    await assert.rejects(call('GET', '/me/'), refusal(503, 'store_unavailable'));
    assert.equal(await kept(), 'T', 'a 503 leaves the token');
    assert.equal(await logOut(), true);
    assert.equal(await kept(), null);
    assert.deepEqual(tokens, Array(4).fill('Session T'));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function run() {
  const address = process.argv[2];
  assert(address, 'node built/phone.js ADDRESS');
  api.address = address;
  await againstTheServer();
  await againstOneThatFails();
}

run().then(() => console.log('The phone registers, signs in, calls, renews its token and logs out.'), error => {
  console.error(error);
  process.exitCode = 1;
});
